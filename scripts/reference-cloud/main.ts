import { parseArgs } from "node:util";
import { idSource, systemEntropy } from "../../device/platform/entropy.ts";
import { createLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { startReferenceCloud } from "./reference-cloud.ts";

const USAGE = `Reference cloud of canteen-edge: for development, and as the sync contract's reference. Not a product.

  node scripts/reference-cloud/main.ts [options]

  --mqtt URL             broker, default mqtt://127.0.0.1:1883
  --http PORT            page and API, default 8081
  --host HOST            address to listen on, default 127.0.0.1
  --data FOLDER          database, default .canteen/reference-cloud
  --demo-roster          fill an empty database with twelve invented people
  --username NAME        user at the broker
  --password-file FILE   its password
  --ca-file FILE         authority of the broker's certificate (PEM)
  --until-input-ends     stop when standard input ends: with the program that started it
  --log-level LEVEL      debug, info, warn or error, default info
  --help
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mqtt: { type: "string", default: "mqtt://127.0.0.1:1883" },
      http: { type: "string", default: "8081" },
      host: { type: "string", default: "127.0.0.1" },
      data: { type: "string", default: ".canteen/reference-cloud" },
      "demo-roster": { type: "boolean", default: false },
      username: { type: "string" },
      "password-file": { type: "string" },
      "ca-file": { type: "string" },
      "until-input-ends": { type: "boolean", default: false },
      "log-level": { type: "string", default: "info" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const httpPort = Number(values.http);
  if (!Number.isInteger(httpPort) || httpPort < 0 || httpPort > 65_535) {
    process.stderr.write(`--http must be a port from 0 to 65535, got ${values.http}\n`);
    return 2;
  }
  const clock = new SystemClock();
  const cloud = await startReferenceCloud({
    broker: {
      url: values.mqtt,
      protocolVersion: "auto",
      keepAliveMs: 30_000,
      reconnectWaitMsMin: 500,
      reconnectWaitMsMax: 5000,
      username: values.username,
      passwordFile: values["password-file"],
      caFile: values["ca-file"],
    },
    dataFolder: values.data,
    httpHost: values.host,
    httpPort,
    demoRoster: values["demo-roster"],
    clock,
    entropy: systemEntropy,
    ids: idSource(clock, systemEntropy),
    logger: createLogger(values["log-level"]),
  });
  process.stdout.write(`参考云端 reference cloud: ${cloud.url}\n`);
  await stopSignal(values["until-input-ends"]);
  await cloud.close();
  return 0;
}

function stopSignal(untilInputEnds: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (untilInputEnds) {
      process.stdin.resume().once("end", resolve).once("error", resolve);
      // It is listened to, but it is not what keeps this process running.
      process.stdin.unref();
    }
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  process.stderr.write(`${inUse ? "端口已被占用 port in use: " : ""}${String(error)}\n`);
  process.exitCode = 1;
}
