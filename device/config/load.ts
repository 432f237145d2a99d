import { createHash } from "node:crypto";
import { accessSync, closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import canonicalize from "canonicalize";
import { CanteenError, systemCode } from "../platform/errors.ts";
import { contradictions } from "./contradictions.ts";
import {
  type ConfigProblem,
  explainIssue,
  pathText,
  showValue,
  type UnplacedProblem,
  valueAt,
} from "./explain-issue.ts";
import { MIGRATIONS, type Migration, migrateDocument, replaceWithBackup } from "./migration.ts";
import { CONFIG_VERSION, type Config, configStructure, readParts } from "./schema.ts";
import { CONFIG_BYTES_MAX, parseYaml } from "./yaml-source.ts";

export type ConfigLoad =
  | {
      readonly kind: "loaded";
      /** Deeply frozen; every path in it is absolute. */
      readonly config: Config;
      /** The former layout's version and the backup of its file, when the file was migrated just now. */
      readonly migrated: { readonly fromVersion: number; readonly backupFile: string } | null;
    }
  | { readonly kind: "invalid"; readonly problems: readonly ConfigProblem[] };

/** The folder that holds `device/` and `models/`: a default inside the program, not beside the configuration. */
const PROGRAM_FOLDER = fileURLToPath(new URL("../..", import.meta.url));

/** Keys whose files must be readable at start: a missing secret is found now, not at the first lunch. */
const NEEDED_FILES = [
  ["mqtt", "passwordFile"],
  ["mqtt", "caFile"],
  ["security", "siteKeyFile"],
] as const;

export interface LoadOptions {
  readonly migrations?: readonly Migration[];
  readonly version?: number;
}

/**
 * Reads `canteen.yaml`, migrates it when it is of an older layout, and checks it whole.
 * @throws CanteenError `config-missing`, `config-unreadable`, and what the migration throws.
 */
export function loadConfig(file: string, options: LoadOptions = {}): ConfigLoad {
  const { migrations = MIGRATIONS, version: target = CONFIG_VERSION } = options;
  const parsed = parseYaml(readText(file));
  if (parsed.kind === "unreadable") {
    return {
      kind: "invalid",
      problems: parsed.problems.map(({ line, reason }) => ({ path: "", line, reason, value: null })),
    };
  }
  const { source } = parsed;
  const version = valueAt(source.raw, ["version"]);
  if (typeof version === "number" && Number.isSafeInteger(version) && version !== target) {
    migrateDocument(source.document, version, target, migrations);
    const text = source.document.toString();
    const backupFile = replaceWithBackup(file, version, text);
    const load = loadConfig(file, options);
    return load.kind === "loaded" ? { ...load, migrated: { fromVersion: version, backupFile } } : load;
  }
  return checkConfig(source.raw, { folder: dirname(resolve(file)), lineOf: source.lineOf });
}

/** Checks values that came from a file or from code; `folder` is what relative paths start from. */
export function checkConfig(
  raw: unknown,
  origin: { readonly folder: string; lineOf?(keys: readonly (string | number)[]): number | null },
): ConfigLoad {
  const checked = configStructure.safeParse(raw ?? {}, { reportInput: true });
  const between = contradictions(readParts(raw)).map(({ path, reason, input }) => ({
    keys: path,
    reason,
    value: showValue(path, input),
  }));
  const found: UnplacedProblem[] = [
    ...(checked.success ? [] : checked.error.issues.flatMap((issue) => explainIssue(issue, raw))),
    ...between,
    ...unreadableFiles(raw, origin.folder),
  ];
  if (!checked.success || found.length > 0) {
    const problems = found.map(({ keys, reason, value }) => ({
      path: pathText(keys),
      line: origin.lineOf?.(keys) ?? null,
      reason,
      value,
    }));
    return { kind: "invalid", problems };
  }
  const config = deepFreeze(withAbsolutePaths(checked.data, raw, origin.folder));
  return { kind: "loaded", config, migrated: null };
}

/** The configuration, or one fault that lists every problem. @throws CanteenError `config-invalid`. */
export function requireConfig(load: ConfigLoad): Config {
  if (load.kind === "loaded") return load.config;
  const lines = load.problems.map(problemText);
  throw new CanteenError(`the configuration has ${lines.length} problem(s):\n${lines.join("\n")}`, {
    code: "config-invalid",
    retry: "after-operator",
    hint: {
      zh: "请改正上面列出的各项，再启动；各键说明见 device/config/README.md",
      en: "Correct what is listed above and start again; device/config/README.md explains each key.",
    },
  });
}

/** "第 3 行 kiosk.port = 99999：不能大于 65535 / line 3: must be at most 65535" */
export function problemText({ path, line, reason, value }: ConfigProblem): string {
  const where = line === null ? { zh: "", en: "" } : { zh: `第 ${line} 行 `, en: `line ${line}: ` };
  const what = value === null ? path : `${path} = ${value}`;
  return `${where.zh}${what}${what === "" ? "" : "："}${reason.zh} / ${where.en}${reason.en}`;
}

function readText(file: string): string {
  try {
    const handle = openSync(file, "r");
    try {
      // The size is asked of the open file: another one cannot slip in between.
      const { size } = fstatSync(handle);
      if (size > CONFIG_BYTES_MAX) throw new RangeError(`${size} bytes, at most ${CONFIG_BYTES_MAX}`);
      return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(handle));
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    const missing = systemCode(cause) === "ENOENT";
    throw new CanteenError(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: missing ? "config-missing" : "config-unreadable",
      retry: "after-operator",
      hint: missing
        ? {
            zh: `找不到配置文件 ${file}。可从 device/config/canteen.example.yaml 复制一份`,
            en: `There is no ${file}. Copy device/config/canteen.example.yaml and adapt it.`,
          }
        : {
            zh: `配置文件 ${file} 无法读取：应为不超过 1 MiB 的 UTF-8 文本，且可读`,
            en: `${file} cannot be read: it must be readable UTF-8 text of at most 1 MiB.`,
          },
      cause,
    });
  }
}

function unreadableFiles(raw: unknown, folder: string): UnplacedProblem[] {
  return NEEDED_FILES.flatMap((keys) => {
    const value = valueAt(raw, keys);
    if (typeof value !== "string" || value === "") return [];
    try {
      accessSync(resolve(folder, value), constants.R_OK);
      return [];
    } catch {
      return [
        {
          keys,
          reason: { zh: "文件不存在或不可读", en: "no such file, or not readable" },
          value: JSON.stringify(value),
        },
      ];
    }
  });
}

function withAbsolutePaths(config: Config, raw: unknown, folder: string): Config {
  const { face, camera, receiving, mqtt, security } = config;
  const absolute = (path: string): string => resolve(folder, path);
  const modelsGiven = valueAt(raw, ["face", "modelsFolder"]) !== undefined;
  return {
    ...config,
    dataFolder: absolute(config.dataFolder),
    face: { ...face, modelsFolder: resolve(modelsGiven ? folder : PROGRAM_FOLDER, face.modelsFolder) },
    camera: camera.kind === "folder" ? { ...camera, folder: absolute(camera.folder) } : camera,
    receiving:
      receiving.camera.kind === "folder"
        ? { ...receiving, camera: { ...receiving.camera, folder: absolute(receiving.camera.folder) } }
        : receiving,
    mqtt: {
      ...mqtt,
      ...(mqtt.passwordFile === undefined ? {} : { passwordFile: absolute(mqtt.passwordFile) }),
      ...(mqtt.caFile === undefined ? {} : { caFile: absolute(mqtt.caFile) }),
    },
    security: {
      ...security,
      deviceKeyFile: resolve(
        absolute(config.dataFolder),
        security.deviceKeyFile === undefined ? "device.key" : absolute(security.deviceKeyFile),
      ),
      ...(security.siteKeyFile === undefined ? {} : { siteKeyFile: absolute(security.siteKeyFile) }),
    },
  };
}

/** SHA-256 of the effective values, for the journal's `config.applied`. */
export function configFingerprint(config: Config): string {
  return createHash("sha256")
    .update(canonicalize(config) ?? "")
    .digest("hex");
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
