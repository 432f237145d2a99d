import { Command } from "commander";
import { ScaleDriver } from "../firmware-bridge/drivers/scale-driver.ts";
import { createFramer } from "../firmware-bridge/framing/framer.ts";
import type { ConnectionEvents, Transport } from "../firmware-bridge/ports/transport.ts";
import { DIALECTS, dialectOf } from "../firmware-bridge/protocol/registry.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../firmware-bridge/transport/system-time.ts";

/**
 * Two figures of the bridge: bytes a second through each dialect's framer on random bytes, and the share of a core
 * that 8 scales with 20 readings a second take. Run alone: `npm run bench:bridge`, or `node scripts/bench-bridge.ts`.
 */
const CHUNK_BYTES = 1 << 16;
const FRAMER_BYTES = 4 * 1024 * 1024;
const PORTS = 8;
const READINGS_PER_S = 20;
const RUN_MS = 5000;

function randomBytes(length: number): Uint8Array {
  let state = 0x2545f491;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

function benchFramers(): void {
  const chunk = randomBytes(CHUNK_BYTES);
  for (const dialect of DIALECTS) {
    const framer = createFramer(dialect.open({}).framing);
    const startedMs = performance.now();
    for (let pushed = 0; pushed < FRAMER_BYTES; pushed += CHUNK_BYTES) framer.push(chunk);
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`${dialect.key.padEnd(20)} ${(FRAMER_BYTES / 1e6 / seconds).toFixed(1).padStart(7)} MB/s`);
  }
}

/** A line in this process, so that the figure holds no simulator and no kernel: decoding, stability, listeners. */
class MemoryTransport implements Transport {
  readonly label = "memory";
  events: ConnectionEvents | undefined;
  async open(events: ConnectionEvents): Promise<{ write(): Promise<void>; close(): Promise<void> }> {
    this.events = events;
    return { write: async () => {}, close: async () => events.closed(undefined) };
  }
}

async function benchDrivers(): Promise<void> {
  const dialect = dialectOf("stgs-text");
  if (dialect === null) throw new Error("no stgs-text");
  const time = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
  let readings = 0;
  const ports = Array.from({ length: PORTS }, () => {
    const transport = new MemoryTransport();
    const scale = new ScaleDriver({ transport, dialect, ...time });
    scale.onReading(() => {
      readings += 1;
    });
    scale.open({ signal: new AbortController().signal });
    return { transport, scale };
  });
  const frame = Uint8Array.from(Buffer.from("ST,GS,   106.2 g\r\n"));
  const before = process.cpuUsage();
  const timer = setInterval(() => {
    for (const { transport } of ports) transport.events?.data(frame);
  }, 1000 / READINGS_PER_S);
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  for (const { scale } of ports) await scale.close();
  const share = (100 * (user + system)) / (1000 * RUN_MS);
  console.log(
    `${PORTS} ports × ${READINGS_PER_S}/s: ${readings} readings in ${RUN_MS} ms, ${share.toFixed(2)} % of a core`,
  );
}

new Command("bench-bridge")
  .description(
    "设备层：每种协议的拆帧速度，以及八个端口占用的处理器 / bytes a second through each framer, and the CPU of eight ports",
  )
  .parse();
benchFramers();
await benchDrivers();
