import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CommandContext, type JsonOption, withJsonOption } from "./command-context.ts";
import { untilStopped } from "./until-stopped.ts";
import { demoDefaults } from "./which-config.ts";

interface DemoCommandOptions extends JsonOption {
  readonly webcam?: boolean;
  readonly activation: "presence" | "touch";
  readonly port: number;
  readonly cloudPort: number;
}

export function addDemoCommand(program: Command, context: CommandContext): void {
  withJsonOption(
    program
      .command("demo")
      .description(
        "无需配置的演示：终端、MQTT 代理和参考云端 / the whole system with no configuration: terminal, broker and reference cloud",
      )
      .option(
        "--webcam",
        "使用浏览器的摄像头，不用示例人像 / the browser's webcam in place of the sample people",
      )
      .addOption(
        new Option("--activation <mode>", "presence 刷脸即付 / looking pays; touch 先点屏幕 / press first")
          .choices(["presence", "touch"])
          .default("presence"),
      )
      .option("--port <port>", "终端页面端口 / port of the kiosk", portNumber, 8080)
      .option("--cloud-port <port>", "参考云端页面端口 / port of the reference cloud", portNumber, 8081),
  ).action((options: DemoCommandOptions) => demo(options, context));
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError("应为 1 到 65535 / must be 1 to 65535");
  }
  return value;
}

async function demo(options: DemoCommandOptions, context: CommandContext): Promise<void> {
  const { dataFolder, cameraFolder } = demoDefaults();
  const { startDemoSystem } = await import("./demo-system.ts");
  const start = () =>
    startDemoSystem({
      dataFolder,
      cameraFolder: options.webcam === true ? null : cameraFolder,
      peopleFolder: join(dataFolder, "..", "people"),
      activation: options.activation,
      kioskPort: options.port,
      cloudPort: options.cloudPort,
      onProgress: (text) => context.note(text),
    });
  await untilStopped(start, options, context);
}
