import type { BridgeClock, BridgeTimer } from "../ports/clock.ts";
import { BridgeFault } from "../ports/fault.ts";
import type { ConnectionEvents, Transport } from "../ports/transport.ts";

/** Bytes that came together, and when, counted from the first line of the recording. */
export interface RecordedChunk {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** One JSON line of a recording: `{"atMs":12,"hex":"53…"}`. Other lines are notes and are skipped. */
export function chunkLine(chunk: RecordedChunk): string {
  return JSON.stringify({ atMs: Math.round(chunk.atMs), hex: Buffer.from(chunk.bytes).toString("hex") });
}

/** @throws BridgeFault `recording-broken` with the number of the first bad line. */
export function parseRecording(text: string): readonly RecordedChunk[] {
  const chunks: RecordedChunk[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const chunk = parseChunk(line);
    if (chunk === "broken") throw broken(index + 1);
    if (chunk !== null) chunks.push(chunk);
  }
  return chunks;
}

function parseChunk(line: string): RecordedChunk | null | "broken" {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "broken";
  }
  if (typeof value !== "object" || value === null) return "broken";
  const { atMs, hex } = value as Readonly<Record<string, unknown>>;
  if (atMs === undefined && hex === undefined) return null;
  if (typeof atMs !== "number" || atMs < 0 || typeof hex !== "string" || !/^(?:[0-9a-f]{2})*$/i.test(hex))
    return "broken";
  return { atMs, bytes: Uint8Array.from(Buffer.from(hex, "hex")) };
}

function broken(line: number): BridgeFault {
  return new BridgeFault(`line ${line} is no chunk of a recording`, {
    code: "recording-broken",
    retry: "never",
    hint: { zh: `录制文件第 ${line} 行有误。`, en: `Line ${line} of the recording is wrong.` },
  });
}

export interface ReplayOptions {
  readonly clock: BridgeClock;
  /** 1 keeps the recorded times, 10 is ten times as fast, Infinity plays without waits. */
  readonly speed?: number;
  readonly signal?: AbortSignal;
}

/** Plays the chunks at their times. @returns when the last was played; rejects when the signal aborts. */
export async function replay(
  chunks: readonly RecordedChunk[],
  options: ReplayOptions,
  play: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const { clock, speed = 1, signal } = options;
  let playedMs = 0;
  for (const chunk of chunks) {
    const waitMs = (chunk.atMs - playedMs) / speed;
    playedMs = chunk.atMs;
    if (waitMs > 0) await wait(clock, waitMs, signal);
    signal?.throwIfAborted();
    await play(chunk.bytes);
  }
}

function wait(clock: BridgeClock, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: BridgeTimer | undefined;
    const onAbort = (): void => {
      timer?.cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    timer = clock.after(waitMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/** A device that says what was recorded, once for each connection, and takes every write. */
export function replayTransport(
  label: string,
  chunks: readonly RecordedChunk[],
  options: Omit<ReplayOptions, "signal">,
): Transport {
  return {
    label,
    open: async (events: ConnectionEvents, { signal }) => {
      signal.throwIfAborted();
      const stop = new AbortController();
      const played = replay(chunks, { ...options, signal: stop.signal }, (bytes) => events.data(bytes));
      // An abort is how the connection ends; there is no other way for a replay to fail.
      played.catch(() => {});
      return {
        write: async () => {},
        close: async () => {
          stop.abort(new Error("the connection is closed"));
          events.closed(undefined);
        },
      };
    },
  };
}
