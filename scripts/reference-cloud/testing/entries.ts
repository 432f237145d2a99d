import { journalFixture } from "../../../device/journal/journal-fixture.ts";
import type { JournalEntry, JsonObject } from "../../../device/journal/journal-port.ts";
import type { JournalBatchMessage } from "../../../device/sync/messages.ts";
import { ids } from "./rig.ts";

/** Real entries of a real journal. */
export function entriesOf(
  drafts: readonly { readonly kind: string; readonly body: JsonObject }[],
): JournalEntry[] {
  const { journal } = journalFixture();
  for (const draft of drafts) journal.append({ id: ids.next(), ...draft });
  return journal.readAfter(0, { countMax: drafts.length, bytesMax: 1e9 });
}

/** A batch as a terminal sends it. */
export function batchOf(entries: readonly JournalEntry[]): JournalBatchMessage {
  const [first] = entries;
  const batch = {
    v: 1,
    ask: "q",
    from: first?.seq ?? 1,
    to: (first?.seq ?? 1) + entries.length - 1,
    prevHash: first?.prevHash ?? "0".repeat(64),
    entries,
  };
  // Through JSON, as on the line.
  return JSON.parse(JSON.stringify(batch));
}
