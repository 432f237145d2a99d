import type { BridgeClock } from "../ports/clock.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import type { Transport } from "../ports/transport.ts";
import { ACK, ENQ, NAK } from "../protocol/ascii.ts";
import { withModbusCrc } from "../protocol/modbus-rtu/modbus-frame.ts";
import { DIALECTS } from "../protocol/registry.ts";
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

interface Question {
  readonly bytes: Uint8Array;
  /** Sent when the device answers only that it is ready to be asked. */
  readonly afterAck?: Uint8Array;
}

/**
 * Questions that change nothing in any dialect known here: a weight or a register is asked for, never tare, zero or a
 * setting. Single control bytes come first; letters only after they stayed without an answer. `P` is left out: it
 * prints, and switches some balances off. `READ` is left out: `A` starts the self-test of an 8217. Of the addresses on
 * RS-485 only the makers' default, 1, is asked.
 */
const HARMLESS_QUESTIONS: readonly Question[] = [
  { bytes: Uint8Array.of(ENQ), afterAck: Uint8Array.of(0x11) },
  { bytes: Uint8Array.of(0x04, ENQ) },
  { bytes: Uint8Array.from(Buffer.from("SI\r\n")) },
  { bytes: Uint8Array.from(Buffer.from("W")) },
  { bytes: withModbusCrc([1, 3, 0, 0, 0, 1]) },
  { bytes: withModbusCrc([1, 4, 0, 1, 0, 1]) },
];

/** A HID device has none; the transport takes no notice of them. */
const NO_SETTINGS = settings(9600, 8, "none");
const SERIAL_DIALECTS = DIALECTS.filter(({ serial }) => serial !== null);
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
    const candidates = rankDialects(bytes, SERIAL_DIALECTS).map((candidate) => ({
      ...candidate,
      settings: tried,
    }));
    found.push(...candidates);
    if ((candidates[0]?.confidence ?? 0) >= (options.sureConfidence ?? SURE_CONFIDENCE)) break;
  }
  return found.sort((left, right) => right.confidence - left.confidence);
}

/** @returns what came, in the pieces in which it came: of a HID device one report each. */
async function hear(
  transport: Transport,
  options: IdentifyOptions,
  questions: readonly Question[],
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
    const ask = async (question: Uint8Array): Promise<void> => {
      await connection.write(question, { waitMsMax: WRITE_WAIT_MS_MAX });
      await pause(options, listenMs / 3);
      chunks.splice(0, chunks.length, ...withoutEcho(chunks, question));
    };
    for (const { bytes, afterAck } of questions) {
      if (!isMute(chunks)) break;
      chunks.length = 0;
      await ask(bytes);
      if (afterAck !== undefined && isAck(chunks)) await ask(afterAck);
    }
  } finally {
    await connection.close();
  }
  return chunks;
}

const isAck = (chunks: readonly Uint8Array[]): boolean => {
  const [first] = chunks;
  return chunks.length === 1 && first?.length === 1 && first[0] === ACK;
};

/** A scale that only says that it was heard has not said how it speaks. */
const isMute = (chunks: readonly Uint8Array[]): boolean =>
  chunks.every((chunk) => chunk.every((byte) => byte === ACK || byte === NAK));

/** Some RS-485 adapters hear themselves: their own question is no answer. */
function withoutEcho(chunks: readonly Uint8Array[], question: Uint8Array): readonly Uint8Array[] {
  const heard = Uint8Array.from(Buffer.concat(chunks));
  if (!question.every((byte, index) => heard[index] === byte)) return chunks;
  const rest = heard.subarray(question.length);
  return rest.length === 0 ? [] : [rest];
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
