import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { decodeLines } from "../../firmware-bridge/decode-stream.ts";
import { identify } from "../../firmware-bridge/identify/identify.ts";
import type { Identified } from "../../firmware-bridge/identify/rank.ts";
import { configStanza, spelled } from "../../firmware-bridge/identify/stanza.ts";
import { transportTo } from "../../firmware-bridge/index.ts";
import type { Dialect, OptionBag, SerialSettings } from "../../firmware-bridge/ports/dialect.ts";
import type { Reading } from "../../firmware-bridge/ports/reading.ts";
import { dialectOf } from "../../firmware-bridge/protocol/registry.ts";
import { chunkLine } from "../../firmware-bridge/recording/recording.ts";
import { Line } from "../../firmware-bridge/transport/line.ts";
import { parsePortName } from "../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";
import { monitor } from "./serial-monitor.ts";
import { type ReplayOptions, replayRecording } from "./serial-replay.ts";

interface PortOptions {
  readonly port: string;
  readonly serial?: SerialSettings;
}

interface ProtocolOptions extends PortOptions {
  readonly protocol: Dialect;
  readonly options: OptionBag;
  readonly json?: boolean;
}

const DEFAULT_SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };

/** Adds `serial …` to the command line. Faults reject with a `BridgeFault`, which carries its hint. */
export function registerSerialCommands(program: Command): void {
  const serial = program
    .command("serial")
    .description("串口设备 / scales, probes, scanners and card readers");
  serial
    .command("decode")
    .description(
      "逐行解码 JSON：标准输入到标准输出 / decode JSON lines from standard input to standard output",
    )
    .addHelpText(
      "after",
      '\n输入 / in:  {"id":1,"protocol":"mt-sics","options":{},"hex":"5320532…"}\n输出 / out: {"id":1,"readings":[…],"counters":{…}}',
    )
    .action(decodeStandardInput);
  withPort(serial.command("identify"))
    .description("识别设备的协议和串口参数，不改动设备 / find out how a device speaks, without changing it")
    .option("--listen-ms <ms>", "每种参数监听多久 / how long to listen at each setting", wholeNumber, 1500)
    .option("--json", "以 JSON 输出 / print JSON")
    .addHelpText(
      "after",
      "\n串口逐个参数监听，无数据时只发不改动设备的询问；usb: 设备只监听一次，不发送任何数据。\nA serial line is listened to at each setting and, where silent, asked only what changes nothing; a usb: device is listened to once and sent nothing.",
    )
    .action(identifyDevice);
  withProtocol(serial.command("monitor"))
    .description("在终端上实时显示读数 / live readings, large, with counters")
    .option("--json", "每个读数一行 JSON / one JSON line for each reading")
    .action((options: ProtocolOptions) =>
      untilInterrupted((signal) => monitor(monitorOptions(options), signal)),
    );
  withPort(serial.command("capture"))
    .description("录制收到的字节和时间 / record what arrives, with times")
    .requiredOption("--out <file>", "录制文件 / the recording")
    .action((options: PortOptions & { readonly out: string }) =>
      untilInterrupted((signal) => capture(options, signal)),
    );
  serial
    .command("replay")
    .description(
      "把录制的字节发到端口，或发到自建的伪终端 / send a recording to a port, or to a pty of its own",
    )
    .argument("<file>", "录制文件 / the recording")
    .option(
      "--port <port>",
      "端口；不写则新建伪终端并打印其路径 / a port; without it a pty, whose path is printed",
    )
    .option("--serial <settings>", "例如 9600-8N1 / for example 9600-8N1", serialSettings)
    .option("--loop", "播完从头再来 / begin again at the end", false)
    .option("--speed <factor>", "倍速 / times as fast", speedFactor, 1)
    .action((file: string, options: ReplayOptions) =>
      untilInterrupted((signal) => replayRecording(file, options, signal, print)),
    );
}

function withPort(command: Command): Command {
  return command
    .requiredOption(
      "--port <port>",
      "端口路径、主机:端口、rfc2217:主机:端口、usb:0922:8003（HID）或 usb-serial:1a86:7523 / a path, host:port, rfc2217:host:port, usb:0922:8003 (HID) or usb-serial:1a86:7523",
    )
    .option("--serial <settings>", "例如 9600-8N1 / for example 9600-8N1", serialSettings);
}

function withProtocol(command: Command): Command {
  return withPort(command)
    .requiredOption("--protocol <key>", "协议 / the protocol", dialect)
    .option("--options <json>", "协议选项 / options of the protocol", jsonObject, {});
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

function speedFactor(text: string): number {
  if (!/^\d{1,3}(?:\.\d{1,3})?$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError("a factor such as 10 or 0.5");
  return Number(text);
}

function serialSettings(text: string): SerialSettings {
  const match = /^(\d{3,7})-([78])([NEO])([12])$/i.exec(text);
  if (match === null) throw new InvalidArgumentError("such as 9600-8N1 or 2400-7E1");
  const [, baud, data, parity = "", stop] = match;
  return {
    baudRate: Number(baud),
    dataBits: data === "7" ? 7 : 8,
    parity: ({ N: "none", E: "even", O: "odd" } as const)[parity.toUpperCase() as "N" | "E" | "O"],
    stopBits: stop === "2" ? 2 : 1,
  };
}

function dialect(key: string): Dialect {
  const found = dialectOf(key);
  if (found === null) throw new InvalidArgumentError(`unknown protocol "${key}"`);
  return found;
}

function jsonObject(text: string): OptionBag {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as OptionBag;
  } catch {
    // Falls through to the same answer as for a wrong type.
  }
  throw new InvalidArgumentError("a JSON object");
}

function monitorOptions({ port, serial, protocol, options, json }: ProtocolOptions) {
  const transport = transportTo(port, serial ?? protocol.serial ?? DEFAULT_SETTINGS, protocol.hidReportIds);
  return { transport, dialect: protocol, dialectOptions: options, asJson: json === true };
}

async function decodeStandardInput(): Promise<void> {
  for await (const line of decodeLines(process.stdin)) await print(line);
}

async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}

function untilInterrupted(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error("interrupted"));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  return task(stop.signal)
    .catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    })
    .finally(() => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    });
}

async function identifyDevice(
  options: PortOptions & { readonly listenMs: number; readonly json?: boolean },
): Promise<void> {
  await untilInterrupted(async (signal) => {
    const found = await identify((settings) => transportTo(options.port, settings), {
      clock: systemBridgeClock,
      signal,
      listenMs: options.listenMs,
      hid: parsePortName(options.port).kind === "usb-hid",
      ...(options.serial === undefined ? {} : { settings: [options.serial] }),
    });
    if (options.json === true) await print(JSON.stringify({ port: options.port, found }));
    else await printFound(options.port, found);
  });
}

async function printFound(port: string, found: readonly Identified[]): Promise<void> {
  const [best] = found;
  if (best === undefined) {
    await print(
      "没有识别出协议：请检查电源、接线和输出方式 / nothing fits: check power, wiring and output mode",
    );
    return;
  }
  for (const { protocol, confidence, readings, sample, settings } of found.slice(0, 5))
    await print(
      `${String(Math.round(confidence * 100)).padStart(3)} %  ${protocol.padEnd(18)} ${inShort(settings)}  ${readings} ×  ${shortly(sample)}`,
    );
  if (best.alike.length > 0)
    await print(
      `\n无法区分 / cannot be told apart: ${[best, ...best.alike].map(spelled).join(", ")}\n请对照设备的显示 / compare with the device's display`,
    );
  if (best.caution !== null) await print(`\n注意 / note: ${best.caution}`);
  await print(`\n${configStanza(port, best)}`);
}

function inShort(settings: SerialSettings | null): string {
  if (settings === null) return "USB HID";
  const { baudRate, dataBits, parity, stopBits } = settings;
  return `${baudRate} ${dataBits}${parity.charAt(0).toUpperCase()}${stopBits}`;
}

function shortly(reading: Reading): string {
  return "value" in reading && typeof reading.value === "string"
    ? `${reading.value} ${"unit" in reading ? (reading.unit ?? "") : ""}`
    : reading.type;
}

async function capture(options: PortOptions & { readonly out: string }, signal: AbortSignal): Promise<void> {
  const file = createWriteStream(options.out, { flags: "wx" });
  await once(file, "open");
  const settings = options.serial ?? DEFAULT_SETTINGS;
  file.write(`${JSON.stringify({ port: options.port, settings })}\n`);
  let startedMonoMs: number | undefined;
  const line = new Line(
    transportTo(options.port, settings),
    { clock: systemBridgeClock, entropy: systemBridgeEntropy },
    {
      data: (bytes) => {
        const monoMs = systemBridgeClock.mono();
        startedMonoMs ??= monoMs;
        file.write(`${chunkLine({ atMs: monoMs - startedMonoMs, bytes })}\n`);
      },
      state: (state) => process.stderr.write(`${state.kind}\n`),
    },
  );
  line.open(signal);
  if (!signal.aborted) await once(signal, "abort");
  await line.close();
  file.end();
  await once(file, "close");
}
