import { readFile } from "node:fs/promises";
import type { SerialSettings } from "../../firmware-bridge/ports/dialect.ts";
import { BridgeFault } from "../../firmware-bridge/ports/fault.ts";
import { parseRecording, type RecordedChunk, replay } from "../../firmware-bridge/recording/recording.ts";
import { PtyHost } from "../../firmware-bridge/simulators/pty-bay.ts";
import { transportTo } from "../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock } from "../../firmware-bridge/transport/system-time.ts";

export interface ReplayOptions {
  /** Without it a pty is made. */
  readonly port?: string;
  readonly serial?: SerialSettings;
  readonly speed: number;
  readonly loop: boolean;
}

const DEFAULT_SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const WRITE_WAIT_MS_MAX = 2000;
/** Between the path and the first byte, so that a program can open the pty; and between two rounds. */
const OPEN_WAIT_MS = 1000;

/**
 * Plays a recording to a port, or to a pty whose path it prints first, so that any program can read a field log as if
 * the device were there.
 * @throws BridgeFault `recording-broken`, `recording-empty`, `pty-unavailable`, and those of the port.
 */
export async function replayRecording(
  file: string,
  options: ReplayOptions,
  signal: AbortSignal,
  print: (line: string) => Promise<void>,
): Promise<void> {
  const chunks = parseRecording(await readFile(file, "utf8"));
  if (chunks.length === 0) throw emptyRecording(file);
  const target = await (options.port === undefined ? ownPty(print) : openPort(options.port, options, signal));
  try {
    do {
      const round: RecordedChunk[] = options.port === undefined || options.loop ? later(chunks) : [...chunks];
      await replay(round, { clock: systemBridgeClock, speed: options.speed, signal }, target.send);
    } while (options.loop);
  } finally {
    await target.close();
  }
}

interface Target {
  send(bytes: Uint8Array): void | Promise<void>;
  close(): Promise<void>;
}

const later = (chunks: readonly RecordedChunk[]): RecordedChunk[] =>
  chunks.map(({ atMs, bytes }) => ({ atMs: atMs + OPEN_WAIT_MS, bytes }));

async function openPort(
  port: string,
  { serial = DEFAULT_SETTINGS }: ReplayOptions,
  signal: AbortSignal,
): Promise<Target> {
  const connection = await transportTo(port, serial).open({ data: () => {}, closed: () => {} }, { signal });
  return {
    send: (bytes) => connection.write(bytes, { waitMsMax: WRITE_WAIT_MS_MAX }),
    close: () => connection.close(),
  };
}

async function ownPty(print: (line: string) => Promise<void>): Promise<Target> {
  const host = await PtyHost.start().catch((cause: unknown) => {
    throw new BridgeFault("a pty needs python3", {
      code: "pty-unavailable",
      retry: "after-operator",
      hint: {
        zh: "请安装 python3，或用 --port 指定端口。",
        en: "Install python3, or name a port with --port.",
      },
      cause,
    });
  });
  const bay = host.bay();
  await bay.plug();
  await print(bay.address);
  return {
    send: (bytes) => bay.socket.send(bytes),
    close: async () => {
      await bay.close();
      await host.stop();
    },
  };
}

function emptyRecording(file: string): BridgeFault {
  return new BridgeFault(`${file} holds no bytes`, {
    code: "recording-empty",
    retry: "never",
    hint: { zh: "录制文件里没有数据。", en: "There are no bytes in the recording." },
  });
}
