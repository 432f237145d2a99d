/** One test of the guest and how it went. */
export interface Outcome {
  readonly name: string;
  /** As vitest says it; a skipped test is not "passed". */
  readonly status: string;
  readonly seconds: number;
}

/** What the guest appends to `results.jsonl`, as it happens: a run that is stopped still tells what passed. */
export type ResultLine = Outcome | { readonly ended: true };

/**
 * @param jsonl  lines of `ResultLine`; the last may be cut off.
 * @returns each test, and one that failed when the run came to no end.
 */
export function readResults(jsonl: string): readonly Outcome[] {
  const lines = jsonl
    .split("\n")
    .slice(0, -1)
    .map((line): ResultLine => JSON.parse(line));
  const outcomes = lines.filter((line) => "name" in line);
  if (lines.some((line) => "ended" in line)) return outcomes;
  return [
    ...outcomes,
    { name: "the run came to no end; later tests were not run", status: "failed", seconds: 0 },
  ];
}

/** A table for a terminal. */
export function tableOf(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ name, status, seconds }) => {
      const mark = status === "passed" ? "✓ passed" : `✗ ${status}`;
      return `${mark.padEnd(9)} ${seconds.toFixed(1).padStart(7)} s  ${name}`;
    })
    .join("\n");
}
