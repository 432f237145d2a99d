import type { BridgeClock } from "../ports/clock.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import type { Transport } from "../ports/transport.ts";
import { type Identified, rankDialects, rankReports } from "./rank.ts";

export interface IdentifyOptions {
  readonly clock: BridgeClock;
  readonly signal: AbortSignal;
  readonly settings?: readonly SerialSettings[];
  readonly listenMs?: number;
  /** A USB HID device: it has no serial settings to try, and a report that nobody knows may set something. */
  readonly hid?: boolean;
  /** After so sure a find the other settings are not tried. */
  readonly sureConfidence?: number;
  readonly progress?: (what: { readonly settings: SerialSettings; readonly bytes: number }) => void;
}

const settings = (baudRate: number, dataBits: 7 | 8, parity: SerialSettings["parity"]): SerialSettings => ({
  baudRate,
  dataBits,
  parity,
  stopBits: 1,
});

/** Makers' defaults, the most common first. */
export const COMMON_SETTINGS: readonly SerialSettings[] = [
  settings(9600, 8, "none"),
  settings(9600, 7, "even"),
  settings(4800, 8, "none"),
  settings(2400, 7, "even"),
  settings(115200, 8, "none"),
  settings(19200, 8, "none"),
  settings(4800, 7, "odd"),
  settings(9600, 8, "odd"),
  settings(1200, 7, "odd"),
  settings(2400, 8, "none"),
];

/**
 * Questions that change nothing in any dialect known here: a weight is asked for, never tare, zero or a setting.
 * Single control bytes come first; letters only after they stayed without an answer. `P` is left out: it prints, and
 * switches some balances off. `READ` is left out: `A` starts the self-test of an 8217.
 */
const HARMLESS_QUESTIONS: readonly Uint8Array[] = [
  Uint8Array.of(0x05),
  Uint8Array.of(0x04, 0x05),
  Uint8Array.from(Buffer.from("SI\r\n")),
  Uint8Array.from(Buffer.from("W")),
];

/** A HID device has none; the transport takes no notice of them. */
const NO_SETTINGS = settings(9600, 8, "none");
const LISTEN_MS = 1500;
const SURE_CONFIDENCE = 0.8;
const HEARD_BYTES_MAX = 64 * 1024;
const WRITE_WAIT_MS_MAX = 500;

/**
 * Finds out how a device speaks: listens at each setting, and asks only where it stays silent; listens once to a HID
 * device, and asks it nothing.
 * @param transportWith  opens the port at these settings.
 * @returns what fits, best first; empty when nothing does.
 * @throws BridgeFault of the port when it can't be opened at all.
 */
export async function identify(
  transportWith: (settings: SerialSettings) => Transport,
  options: IdentifyOptions,
): Promise<readonly Identified[]> {
  if (options.hid === true) {
    const reports = await hear(transportWith(NO_SETTINGS), options, []);
    return rankReports(reports).map((candidate) => ({ ...candidate, settings: null }));
  }
  const found: Identified[] = [];
  for (const tried of options.settings ?? COMMON_SETTINGS) {
    const chunks = await hear(transportWith(tried), options, HARMLESS_QUESTIONS);
    const bytes = Uint8Array.from(Buffer.concat(chunks));
    options.progress?.({ settings: tried, bytes: bytes.length });
    const candidates = rankDialects(bytes).map((candidate) => ({ ...candidate, settings: tried }));
    found.push(...candidates);
    if ((candidates[0]?.confidence ?? 0) >= (options.sureConfidence ?? SURE_CONFIDENCE)) break;
  }
  return found.sort((left, right) => right.confidence - left.confidence);
}

/** @returns what came, in the pieces in which it came: of a HID device one report each. */
async function hear(
  transport: Transport,
  options: IdentifyOptions,
  questions: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let heardBytes = 0;
  const connection = await transport.open(
    {
      data: (bytes) => {
        if (heardBytes < HEARD_BYTES_MAX) chunks.push(bytes);
        heardBytes += bytes.length;
      },
      closed: () => {},
    },
    options,
  );
  try {
    const listenMs = options.listenMs ?? LISTEN_MS;
    await pause(options, listenMs);
    for (const question of questions) {
      if (heardBytes > 0) break;
      await connection.write(question, { waitMsMax: WRITE_WAIT_MS_MAX });
      await pause(options, listenMs / 3);
    }
  } finally {
    await connection.close();
  }
  return chunks;
}

function pause({ clock, signal }: IdentifyOptions, waitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.after(waitMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
