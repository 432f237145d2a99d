import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { type DemoOptions, demoConfig } from "../config/demo-config.ts";
import { loadConfig, requireConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";

/** The folder that holds `device/`, `models/` and `scripts/`. */
export const PROGRAM_FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const DEFAULT_FILE = "canteen.yaml";

export interface ConfigOption {
  readonly config?: string;
}

/** Where the configuration came from: a file, or the demo's values because there is none. */
export interface WhichConfig {
  readonly config: Config;
  readonly file: string | null;
}

export function withConfigOption(command: Command): Command {
  return command.option(
    "--config <file>",
    `配置文件，默认当前目录的 ${DEFAULT_FILE} / configuration, default ${DEFAULT_FILE} here`,
  );
}

/**
 * The configuration that a command works on: the named file, else `canteen.yaml` in the current folder, else the
 * demo's, so that a clone that only ever ran `npm start` needs no options.
 * @throws CanteenError `config-missing`, `config-invalid`, …
 */
export function whichConfig(options: ConfigOption, folder: string): WhichConfig {
  const file = resolve(folder, options.config ?? DEFAULT_FILE);
  if (options.config !== undefined || existsSync(file)) {
    return { config: requireConfig(loadConfig(file)), file };
  }
  return { config: demoConfig(demoDefaults()), file: null };
}

/** Where the demo keeps its things and which addresses it uses, unless told otherwise. */
export function demoDefaults(): DemoOptions {
  const demo = join(PROGRAM_FOLDER, ".canteen", "demo");
  return {
    dataFolder: join(demo, "data"),
    cameraFolder: join(demo, "camera"),
    mqttUrl: "mqtt://127.0.0.1:1883",
  };
}
