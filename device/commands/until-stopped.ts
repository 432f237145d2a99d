import { EventEmitter, once } from "node:events";
import type { RunningTerminal } from "../main.ts";
import { SystemClock } from "../platform/system-clock.ts";
import type { CommandContext, JsonOption } from "./command-context.ts";

/** npm and a shell both pass one Ctrl-C on, so it arrives twice; only a later one means "at once". */
const REPEAT_MS_MAX = 1500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Says where the terminal is, runs until a signal, and closes it in order. A second Ctrl-C gives up waiting. */
export async function untilStopped(
  terminal: RunningTerminal,
  options: JsonOption,
  context: CommandContext,
): Promise<void> {
  const stop = new EventEmitter();
  const clock = new SystemClock();
  let firstMs: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = clock.mono();
    if (firstMs !== null && nowMs - firstMs > REPEAT_MS_MAX) process.exit(130);
    if (firstMs !== null) return;
    firstMs = nowMs;
    stop.emit("signal", signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    if (options.json === true) await context.json({ event: "started", urls: terminal.urls });
    else await greet(terminal, context);
    await once(stop, "signal");
    if (options.json !== true) await context.line("正在停止… / stopping…");
    await terminal.close();
    if (options.json === true) await context.json({ event: "stopped" });
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

async function greet({ urls, notes }: RunningTerminal, context: CommandContext): Promise<void> {
  for (const { label, url } of urls) await context.line(`${label.zh} / ${label.en}: ${url}`);
  for (const { zh, en } of notes) await context.line(`  · ${zh}\n    ${en}`);
  await context.line("按 Ctrl-C 停止 / Ctrl-C stops");
}
