import { createReadStream } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { CanteenError } from "../platform/errors.ts";
import { type CommandContext, withJsonOption } from "./command-context.ts";
import { addFaceCalibrateCommand } from "./face-calibrate.ts";
import { PROGRAM_FOLDER } from "./which-config.ts";

interface EmbedOptions {
  readonly list: string;
  readonly models: string;
}

export function addFaceCommand(program: Command, context: CommandContext): void {
  const face = program.command("face").description("人脸引擎 / the face engine");
  withJsonOption(
    face
      .command("embed")
      .description(
        "逐个图片输出人脸特征，每个文件一行 JSON / faces and embeddings of pictures, one JSON line per file",
      )
      .requiredOption(
        "--list <file>",
        "图片路径清单，每行一个；- 为标准输入 / list of picture paths, one a line; - for standard input",
      )
      .option(
        "--models <folder>",
        "模型目录 / folder of the prepared weights",
        join(PROGRAM_FOLDER, "models", "artifacts"),
      ),
  ).action((options: EmbedOptions) => embed(options, context));
  addFaceCalibrateCommand(face, context);
}

async function embed(options: EmbedOptions, context: CommandContext): Promise<void> {
  const { createFaceEngine } = await import("../../models/face-engine.ts");
  const { embedFiles } = await import("../../models/face-embed.ts");
  const list = await openList(options.list, context);
  const engine = await createFaceEngine({ artifactsFolder: resolve(context.io.folder, options.models) });
  try {
    for await (const file of embedFiles(engine, paths(list))) await context.json(file);
  } finally {
    await engine.close();
  }
}

/** Relative picture paths stay as they are written: they start at the current folder, like the list itself. */
async function* paths(list: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input: list, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== "") yield line;
  }
}

async function openList(name: string, context: CommandContext): Promise<Readable> {
  if (name === "-") return context.io.stdin;
  const stream = createReadStream(resolve(context.io.folder, name));
  try {
    await new Promise<void>((opened, failed) => {
      stream.once("ready", opened).once("error", failed);
    });
    return stream;
  } catch (cause) {
    throw new CanteenError(`cannot read the list ${name}`, {
      code: "usage",
      retry: "never",
      hint: { zh: `无法读取清单文件 ${name}`, en: `The list ${name} cannot be read.` },
      cause,
    });
  }
}
