import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { configKeys } from "../device/config/key-paths.ts";

/**
 * Writes the table of all keys into device/config/README.md from the schema: `node scripts/config-docs.ts`.
 * A test fails while the table is not what this would write.
 */
export const CONFIG_README = fileURLToPath(new URL("../device/config/README.md", import.meta.url));

const BEGIN = "<!-- keys: begin (node scripts/config-docs.ts) -->";
const END = "<!-- keys: end -->";

/** The text with its part between the two marks replaced. @throws Error when a mark is missing. */
export function withKeyTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the README needs the marks ${BEGIN} and ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${keyTable()}\n${readme.slice(end)}`;
}

function keyTable(): string {
  const rows = configKeys().map(({ path, type, required, defaultJson, description }) => {
    const fallback = required ? "required" : defaultJson === null ? "" : `\`${defaultJson}\``;
    return `| \`${path}\` | ${cell(type)} | ${fallback} | ${cell(description)} |`;
  });
  return ["| key | value | default | |", "|---|---|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("9007199254740991", "2⁵³−1");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(CONFIG_README, withKeyTable(readFileSync(CONFIG_README, "utf8")));
}
