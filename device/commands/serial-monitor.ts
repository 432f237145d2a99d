import { once } from "node:events";
import { DecodedLine } from "../../firmware-bridge/drivers/decoded-line.ts";
import { POLL_OF_DIALECT } from "../../firmware-bridge/drivers/polling.ts";
import type { BridgeTimer } from "../../firmware-bridge/ports/clock.ts";
import type { Dialect, OptionBag } from "../../firmware-bridge/ports/dialect.ts";
import type { Reading } from "../../firmware-bridge/ports/reading.ts";
import type { Transport } from "../../firmware-bridge/ports/transport.ts";
import type { LineState } from "../../firmware-bridge/transport/line.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";

export interface MonitorOptions {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions: OptionBag;
  readonly asJson: boolean;
}

const CLEAR = "\x1b[2J\x1b[H";
const REFRESH_MS = 100;
const MESSAGE_END_MS = 100;

/** Shows what a device says, until the signal aborts. Asks dialects that are silent until asked. */
export async function monitor(options: MonitorOptions, signal: AbortSignal): Promise<void> {
  const codec = options.dialect.open(options.dialectOptions);
  const timers = new Set<BridgeTimer>();
  let last: Reading | undefined;
  let isDue = false;
  const line: DecodedLine = new DecodedLine(
    {
      transport: options.transport,
      codec,
      clock: systemBridgeClock,
      entropy: systemBridgeEntropy,
      endAfterSilenceMs: MESSAGE_END_MS,
    },
    {
      frame: ({ reading }) => {
        if (options.asJson) process.stdout.write(`${JSON.stringify(reading)}\n`);
        last = reading;
        isDue = true;
      },
      begun: () => {},
      state: () => {
        isDue = true;
      },
    },
  );
  const every = (periodMs: number, task: () => void): void => {
    const timer = systemBridgeClock.after(periodMs, () => {
      timers.delete(timer);
      task();
      every(periodMs, task);
    });
    timers.add(timer);
  };
  line.open(signal);
  const plan = POLL_OF_DIALECT[options.dialect.key];
  for (const step of plan?.steps ?? []) {
    const bytes = typeof step === "string" ? codec.commands[step] : step;
    if (bytes !== undefined) every(plan?.everyMs ?? REFRESH_MS, () => void line.write(bytes));
  }
  if (!options.asJson)
    every(REFRESH_MS, () => {
      if (isDue) process.stdout.write(screenOf(options, line.state, last, line.counters()));
      isDue = false;
    });
  if (!signal.aborted) await once(signal, "abort");
  for (const timer of timers) timer.cancel();
  await line.close();
}

function screenOf(
  { dialect, transport }: MonitorOptions,
  state: LineState,
  last: Reading | undefined,
  { framing, connections, bytesIn }: ReturnType<DecodedLine["counters"]>,
): string {
  const fault = state.kind === "waiting" ? `  ${state.fault.hint.zh} / ${state.fault.hint.en}` : "";
  const counters = Object.entries(framing)
    .map(([name, count]) => `${name} ${count}`)
    .join("  ");
  return (
    `${CLEAR}${dialect.title}  ${transport.label}  ${state.kind}${fault}\n\n` +
    `${last === undefined ? "  …" : largeOf(last)}\n\n` +
    `${counters}\nbytesIn ${bytesIn}  connections ${connections}\n`
  );
}

function largeOf(reading: Reading): string {
  const value = new Map<string, unknown>(Object.entries(reading));
  const shown = value.get("value") ?? value.get("celsius") ?? value.get("uid") ?? value.get("data") ?? "—";
  const stable = value.get("stable");
  const mark = stable === true ? "稳定 stable" : stable === false ? "波动 in motion" : "";
  return `${bannerOf(String(shown))}\n\n  ${reading.type} ${String(value.get("unit") ?? "")} ${mark}`;
}

const GLYPH_ROWS = 5;
const GLYPHS: Readonly<Record<string, readonly string[]>> = {
  "0": ["███", "█ █", "█ █", "█ █", "███"],
  "1": [" █ ", "██ ", " █ ", " █ ", "███"],
  "2": ["███", "  █", "███", "█  ", "███"],
  "3": ["███", "  █", "███", "  █", "███"],
  "4": ["█ █", "█ █", "███", "  █", "  █"],
  "5": ["███", "█  ", "███", "  █", "███"],
  "6": ["███", "█  ", "███", "█ █", "███"],
  "7": ["███", "  █", "  █", "  █", "  █"],
  "8": ["███", "█ █", "███", "█ █", "███"],
  "9": ["███", "█ █", "███", "  █", "███"],
  ".": [" ", " ", " ", " ", "█"],
  "-": ["   ", "   ", "███", "   ", "   "],
};

/** A terminal's cell is twice as high as wide. */
const wide = (row: string): string => row.replace(/./g, "$&$&");

/** @returns digits large enough to read from the counter; other text as it is. */
export function bannerOf(text: string): string {
  const glyphs = [...text].map((character) => GLYPHS[character]);
  if (text === "" || glyphs.some((glyph) => glyph === undefined)) return `  ${text}`;
  return Array.from({ length: GLYPH_ROWS }, (_, row) =>
    `  ${glyphs.map((glyph) => wide(glyph?.[row] ?? "")).join("   ")}`.trimEnd(),
  ).join("\n");
}
