import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { GalleryCalibration } from "../../models/calibration/calibration-port.ts";
import type { GalleryTemplate } from "../../models/face-engine-port.ts";
import type { Manifest } from "../../models/manifest.ts";
import type { Config } from "../config/schema.ts";
import { CanteenError } from "../platform/errors.ts";
import { databaseFile } from "../terminal-database.ts";
import { type CommandContext, type JsonOption, usageError, withJsonOption } from "./command-context.ts";
import { type ConfigOption, PROGRAM_FOLDER, whichConfig, withConfigOption } from "./which-config.ts";

interface CalibrateOptions extends ConfigOption, JsonOption {
  readonly data?: string;
  readonly set?: string;
  readonly pack?: string;
  readonly fpir?: number;
}

interface TemplateSource {
  readonly model: string;
  readonly embeddingLength: number;
  readonly peopleCount: number;
  readonly parts: Iterable<readonly GalleryTemplate[]>;
  close(): void;
}

const LOOK_ALIKES_PRINTED_MAX = 20;
const PHOTO_FILE = /\.(jpe?g|png|webp|gif)$/i;
const PEOPLE_PER_PART = 32;

/** `face calibrate`: what a terminal works out from its gallery, without changing anything. */
export function addFaceCalibrateCommand(face: Command, context: CommandContext): void {
  withJsonOption(
    withConfigOption(
      face
        .command("calibrate")
        .description(
          "按已录入的人脸算出相似度阈值、预计误认率和容易混淆的人；只读，终端运行时也可用 / thresholds, expected false matches and look-alikes of the enrolled; reads only, also beside a running terminal",
        )
        .option("--data <folder>", "数据目录 / data folder, instead of the configured one")
        .option(
          "--set <folder>",
          "改用照片：<人>/<照片> / photos instead: <person>/<photo>, and protocol.json where there is one",
        )
        .option("--pack <id>", "模型 / model pack, default the configured program's")
        .option(
          "--fpir <share>",
          "允许误认的比例 / false matches allowed, default face.fpirMax",
          shareOption,
        ),
    ),
  ).action((options: CalibrateOptions) => run(options, context));
}

function shareOption(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1))
    throw new InvalidArgumentError("应在 0 和 1 之间 / must be between 0 and 1, such as 0.001");
  return value;
}

async function run(options: CalibrateOptions, context: CommandContext): Promise<void> {
  const { calibrate } = await import("../../models/calibration/gallery-calibrator.ts");
  const { errorRateOf, targetOf } = await import("../../models/calibration/pack-bounds.ts");
  const { readManifest } = await import("../../models/manifest.ts");
  const { config } = whichConfig(options, context.io.folder);
  const manifest = await readManifest();
  const source =
    options.set === undefined
      ? await enrolledTemplates(config, manifest, options, context)
      : await photographedTemplates(config, resolve(context.io.folder, options.set), options, context);
  try {
    const { model, embeddingLength, peopleCount, parts } = source;
    const target = targetOf(model, { ...config.face, fpirMax: options.fpir ?? config.face.fpirMax });
    const found = await calibrate({ model, embeddingLength, peopleCount, parts, target });
    if (options.json === true) await context.json(found);
    else for (const line of linesOf(found, errorRateOf(model))) await context.line(line);
  } finally {
    source.close();
  }
}

/** What is enrolled in a data folder, opened by its device key and never written to. */
async function enrolledTemplates(
  config: Config,
  manifest: Manifest,
  options: CalibrateOptions,
  context: CommandContext,
): Promise<TemplateSource> {
  const { openSnapshot } = await import("../journal/verify.ts");
  const { TemplateVault } = await import("../roster/template-vault.ts");
  const { loadDeviceKey } = await import("../security/key-file.ts");
  const { systemEntropy } = await import("../platform/entropy.ts");
  const { packOf } = await import("../../models/manifest.ts");
  const folder = options.data === undefined ? config.dataFolder : resolve(context.io.folder, options.data);
  const file = databaseFile(folder);
  if (!existsSync(file)) {
    throw usageError(
      `${file} 不存在：终端从未在此数据目录运行过，或目录写错了`,
      `There is no ${file}: no terminal ever ran with this data folder, or the folder is wrong.`,
    );
  }
  const keyFile = options.data === undefined ? config.security.deviceKeyFile : undefined;
  const deviceKey = loadDeviceKey(keyFile ?? join(folder, "device.key"));
  const { id: model, embeddingLength } = packOf(manifest, options.pack ?? manifest.defaultPack);
  const db = openSnapshot(file);
  const embeddingLengths = new Map([[model, embeddingLength]]);
  const vault = new TemplateVault({ db, deviceKey, entropy: systemEntropy, embeddingLengths });
  const parts = function* (): Generator<readonly GalleryTemplate[], void> {
    for (let after: string | null = ""; after !== null; ) {
      const { loaded, lastPersonId }: ReturnType<typeof vault.ofModelAfter> = vault.ofModelAfter(
        model,
        after,
        PEOPLE_PER_PART,
      );
      for (const { templateId, code } of loaded.damaged) context.note(`${templateId}: ${code}`);
      yield loaded.templates.map(({ modelId, ...template }) => ({ ...template, model: modelId }));
      after = lastPersonId;
    }
  };
  const peopleCount = vault.peopleCount(model);
  return { model, embeddingLength, peopleCount, parts: parts(), close: () => void db.close() };
}

/** A folder of photos, embedded by the terminal's own engine; a photo without a face is named and passed over. */
async function photographedTemplates(
  { face }: Config,
  set: string,
  { pack }: CalibrateOptions,
  context: CommandContext,
): Promise<TemplateSource> {
  const { createFaceEngine } = await import("../../models/face-engine.ts");
  const { embedFiles } = await import("../../models/face-embed.ts");
  const people = peopleOf(set);
  const personOf = new Map(
    [...people].flatMap(([personId, photos]) => photos.map((photo) => [join(set, photo), personId] as const)),
  );
  const engine = await createFaceEngine({
    artifactsFolder: existsSync(face.modelsFolder)
      ? face.modelsFolder
      : join(PROGRAM_FOLDER, "models", "artifacts"),
    faceCountMax: 1,
    frameLiveness: false,
    ...(pack === undefined ? {} : { packId: pack }),
  });
  const { model, embeddingLength } = engine;
  const templates: GalleryTemplate[] = [];
  try {
    for await (const embedded of embedFiles(engine, personOf.keys())) {
      const [found] = "faces" in embedded ? embedded.faces : [];
      const personId = personOf.get(embedded.file);
      if (found === undefined || personId === undefined) context.note(`${embedded.file}: 0`);
      else
        templates.push({
          templateId: embedded.file,
          personId,
          model,
          embedding: Float32Array.from(found.embedding),
        });
    }
  } finally {
    await engine.close();
  }
  const peopleCount = people.size;
  return { model, embeddingLength, peopleCount, parts: [templates], close: () => {} };
}

/** Photos of each person, from the protocol's enrolled people or from the folders themselves. */
function peopleOf(set: string): ReadonlyMap<string, readonly string[]> {
  try {
    const protocolFile = join(set, "protocol.json");
    if (existsSync(protocolFile)) {
      const protocol: { gallery?: Record<string, string[]>; distractors?: Record<string, string[]> } =
        JSON.parse(readFileSync(protocolFile, "utf8"));
      return new Map(Object.entries({ ...protocol.gallery, ...protocol.distractors }));
    }
    const folders = readdirSync(set, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return new Map(
      folders.map(({ name }) => [
        name,
        readdirSync(join(set, name))
          .filter((file) => PHOTO_FILE.test(file))
          .sort()
          .map((file) => join(name, file)),
      ]),
    );
  } catch (cause) {
    throw new CanteenError(`the photos in ${set} cannot be listed`, {
      code: "usage",
      retry: "never",
      hint: { zh: `无法读取照片目录 ${set}`, en: `The folder of photos ${set} cannot be read.` },
      cause,
    });
  }
}

function linesOf(
  found: GalleryCalibration,
  errorRate: { readonly zh: string; readonly en: string } | null,
): readonly string[] {
  const { fpir, fnir, lookAlikes } = found;
  const rate = ({ value, low, high }: { value: number; low: number; high: number }) =>
    `${percent(value)} (${percent(low)} – ${percent(high)})`;
  return [
    `${found.targetMet ? "✓" : "✗"} ${found.model}: ${found.peopleCount} 人 / people, ${found.templateCount} 张 / templates`,
    `  最低相似度 / least similarity ${found.similarityMin.toFixed(3)}，最小差距 / least lead ${found.marginMin.toFixed(2)}`,
    `  预计误认 / FPIR ${rate(fpir)}，目标 / target ${percent(found.fpirMax)}`,
    ...(found.targetMet
      ? []
      : [
          "  目标达不到：请多录入照片、缩小名单或加刷卡、密码 / the target cannot be met: enrol more photos, fewer people, or ask for card or PIN too",
        ]),
    ...(fnir === null ? [] : [`  预计漏认，偏乐观 / FNIR, optimistic ${rate(fnir)}`]),
    `  依据虚拟人群 / rests on the synthetic cohort: ${percent(found.cohortShare)}`,
    `  容易混淆 / look-alikes: ${lookAlikes.length} (≥ ${found.lookAlikeMin.toFixed(3)})`,
    ...lookAlikes
      .slice(0, LOOK_ALIKES_PRINTED_MAX)
      .map(({ personIds, similarity }) => `    ${similarity.toFixed(3)}  ${personIds.join("  ")}`),
    `  用时 / took ${(found.tookMs / 1000).toFixed(1)} s`,
    ...(errorRate === null ? [] : [`  ${errorRate.zh} / ${errorRate.en}`]),
  ];
}

function percent(rate: number): string {
  return `${Number((rate * 100).toPrecision(2))} %`;
}
