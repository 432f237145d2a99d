/** An entry as both lists know it: where it stands, and the digest of what it says. */
export interface ListedEntry {
  readonly seq: number;
  readonly digest: string;
}

/**
 * What was done to the entries. `seq` is the place at which the entry was signed; for `inserted`, where it stands now.
 * `swapped` and `moved` name the other place too.
 */
export interface EntryDifference {
  readonly seq: number;
  readonly problem: "changed" | "removed" | "inserted" | "swapped" | "moved";
  readonly otherSeq?: number;
}

/**
 * Compares what was signed with what is there.
 * Entries are told apart by their digests, so it does not matter that everything behind a change was numbered and
 * hashed anew.
 */
export function entryDifferences(
  signed: readonly ListedEntry[],
  actual: readonly ListedEntry[],
): EntryDifference[] {
  return exchanges(signed, actual) ?? edits(signed, actual);
}

/** Two entries in each other's place and nothing else wrong; undefined where that is not the whole story. */
function exchanges(
  signed: readonly ListedEntry[],
  actual: readonly ListedEntry[],
): EntryDifference[] | undefined {
  if (signed.length !== actual.length) return undefined;
  const wrong = signed.flatMap((entry, index) => (entry.digest === actual[index]?.digest ? [] : [index]));
  const swapped: EntryDifference[] = [];
  for (const index of wrong) {
    const other = wrong.find((candidate) => signed[candidate]?.digest === actual[index]?.digest);
    if (other === undefined || actual[other]?.digest !== signed[index]?.digest) return undefined;
    const [seq, otherSeq] = [signed[index]?.seq, signed[other]?.seq];
    if (seq !== undefined && otherSeq !== undefined && seq < otherSeq)
      swapped.push({ seq, problem: "swapped", otherSeq });
  }
  return swapped;
}

function edits(signed: readonly ListedEntry[], actual: readonly ListedEntry[]): EntryDifference[] {
  const placeOf = new Map(signed.map(({ digest }, index) => [digest, index]));
  const places = actual.map(({ digest }) => placeOf.get(digest) ?? null);
  const kept = longestRun(places);
  const found: EntryDifference[] = [];
  const met = new Set<number>();
  // Behind the last anchor comes one gap more: an anchor past both ends closes it.
  const anchors = [...kept, { at: actual.length, place: signed.length }];
  let [fromAt, fromPlace] = [0, 0];
  for (const place of places) if (place !== null) met.add(place);
  for (const { at, place } of anchors) {
    const lost = signed.slice(fromPlace, place).filter((_, index) => !met.has(fromPlace + index));
    const strange = actual.slice(fromAt, at).filter((_, index) => places[fromAt + index] === null);
    found.push(...gapDifferences(lost, strange));
    for (let index = fromAt; index < at; index++) {
      const from = signed[places[index] ?? -1];
      const to = actual[index];
      if (from !== undefined && to !== undefined)
        found.push({ seq: from.seq, problem: "moved", otherSeq: to.seq });
    }
    [fromAt, fromPlace] = [at + 1, place + 1];
  }
  return found.sort((a, b) => a.seq - b.seq);
}

/** Between two entries that stand: one gone and one new in its place is a change. */
function gapDifferences(lost: readonly ListedEntry[], strange: readonly ListedEntry[]): EntryDifference[] {
  const changed = Math.min(lost.length, strange.length);
  return [
    ...lost.map(({ seq }, index) => ({
      seq,
      problem: index < changed ? ("changed" as const) : ("removed" as const),
    })),
    ...strange.slice(changed).map(({ seq }) => ({ seq, problem: "inserted" as const })),
  ];
}

interface Anchor {
  /** Index in the actual list and in the signed one. */
  readonly at: number;
  readonly place: number;
}

/** The longest strictly rising subsequence: the entries that may be taken to have stood still. */
function longestRun(places: readonly (number | null)[]): Anchor[] {
  const best: { readonly anchor: Anchor; readonly before: number | null }[] = [];
  const tails: number[] = [];
  for (const [at, place] of places.entries()) {
    if (place === null) continue;
    let [low, high] = [0, tails.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((best[tails[middle] ?? -1]?.anchor.place ?? -1) < place) low = middle + 1;
      else high = middle;
    }
    best.push({ anchor: { at, place }, before: tails[low - 1] ?? null });
    tails[low] = best.length - 1;
  }
  const run: Anchor[] = [];
  for (let index = tails.at(-1) ?? null; index !== null; index = best[index]?.before ?? null) {
    const link = best[index];
    if (link !== undefined) run.push(link.anchor);
  }
  return run.reverse();
}
