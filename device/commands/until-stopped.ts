import type { RunningTerminal } from "../main.ts";
import { SystemClock } from "../platform/system-clock.ts";
import type { CommandContext, JsonOption } from "./command-context.ts";

/** npm and a shell both pass one Ctrl-C on, so it arrives twice; only a later one means "at once". */
const REPEAT_MS_MAX = 1500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Starts the terminal, says where it is, runs until a signal, and closes it in order. A signal during the start ends
 * it as soon as it is up, so that no child and no half-written file is left; a second Ctrl-C gives up waiting.
 */
export async function untilStopped(
  start: () => Promise<RunningTerminal>,
  options: JsonOption,
  context: CommandContext,
): Promise<void> {
  const { promise: signalled, resolve: stop } = Promise.withResolvers<void>();
  const clock = new SystemClock();
  let firstMs: number | null = null;
  const onSignal = (): void => {
    const nowMs = clock.mono();
    if (firstMs !== null && nowMs - firstMs > REPEAT_MS_MAX) process.exit(130);
    firstMs ??= nowMs;
    stop();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const terminal = await start();
    if (options.json === true) await context.json({ event: "started", urls: terminal.urls });
    else await greet(terminal, context);
    await signalled;
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
