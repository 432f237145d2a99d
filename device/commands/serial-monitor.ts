import { once } from "node:events";
import { DecodedLine } from "../../firmware-bridge/drivers/decoded-line.ts";
import { POLL_OF_DIALECT } from "../../firmware-bridge/drivers/polling.ts";
import { formatHint } from "../../firmware-bridge/drivers/top-bit.ts";
import { UnreadWatch } from "../../firmware-bridge/drivers/unread-watch.ts";
import type { BridgeTimer } from "../../firmware-bridge/ports/clock.ts";
import type { Dialect, OptionBag } from "../../firmware-bridge/ports/dialect.ts";
import type { FaultHint } from "../../firmware-bridge/ports/fault.ts";
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
  let unread: FaultHint | null = null;
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
        unread = null;
        watch.stop();
        isDue = true;
      },
      begun: () => {},
      state: ({ kind }) => {
        if (kind === "open") watch.begin();
        else watch.stop();
        unread = null;
        isDue = true;
      },
    },
  );
  const watch = new UnreadWatch({
    clock: systemBridgeClock,
    bytesIn: () => line.counters().bytesIn,
    onUnread: () => {
      unread = formatHint(line.recentBytes(), codec, options.dialect) ?? NOTHING_READABLE;
      if (options.asJson) process.stderr.write(`${unread.zh} / ${unread.en}\n`);
      watch.stop();
      isDue = true;
    },
  });
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
      if (isDue) {
        const { framing, connections, bytesIn } = line.counters();
        const counts = { ...framing, bytesIn, connections };
        const title = `${options.dialect.title}  ${options.transport.label}`;
        process.stdout.write(CLEAR + screenOf({ title, state: line.state, last, unread, counts }));
      }
      isDue = false;
    });
  if (!signal.aborted) await once(signal, "abort");
  watch.stop();
  for (const timer of timers) timer.cancel();
  await line.close();
}

interface MonitorScreen {
  readonly title: string;
  readonly state: LineState;
  readonly last: Reading | undefined;
  /** Bytes come, and none of them can be read. */
  readonly unread: FaultHint | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** What stands on the terminal. A reading from before the line was lost is marked: nobody may take it for a weight. */
export function screenOf({ title, state, last, unread, counts }: MonitorScreen): string {
  const problem = unread ?? (state.kind === "waiting" ? state.fault.hint : null);
  const old = state.kind === "open" ? "" : "  ⚠ 断线前的读数 / from before the line was lost\n\n";
  const counters = Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join("  ");
  return (
    `${title}  ${state.kind}\n` +
    `${problem === null ? "" : `⚠ ${problem.zh}\n  ${problem.en}\n`}\n` +
    `${last === undefined ? "  …" : `${old}${largeOf(last)}`}\n\n${counters}\n`
  );
}

const NOTHING_READABLE: FaultHint = {
  zh: "收到数据但读不懂：请核对波特率、校验位和协议，或用 canteen-edge serial identify 自动识别。",
  en: "Bytes come and none can be read: check baud rate, parity and protocol, or let canteen-edge serial identify find them.",
};

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
