import type { SourceTree, Violation } from "./source-tree.ts";

/** What may lie at the top level; everything else belongs into one of the folders. */
const TOP_LEVEL: ReadonlySet<string> = new Set([
  "device",
  "firmware-bridge",
  "models",
  "scripts",
  "test",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "README.md",
  "LICENSE",
]);

const LINES_MAX = 400;
const LENGTH_COUNTS = /\.(ts|mjs|js|vue|css)$/;
/** Lower case with dashes; dots part a suffix such as `.test.ts`. */
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** A Vue component is named as it is used in a template (Vue style guide, priority B). */
const COMPONENT = /^([A-Z][a-z0-9]*)+\.vue$/;
/** Names that a tool looks for. */
const GIVEN_NAMES: ReadonlySet<string> = new Set(["README.md", "LICENSE"]);
const EMPTY_NAME = /(^|-)(utils?|helpers?|managers?)(\.|$)/;

export function topLevelViolations(tree: SourceTree): Violation[] {
  const first = new Set([...tree.keys()].map((path) => path.split("/")[0] ?? path));
  return [...first]
    .filter((name) => !TOP_LEVEL.has(name) && !name.startsWith("."))
    .map((name) => ({ path: name, line: 1, message: "does not belong at the top level" }));
}

export function fileNameViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const path of tree.keys()) {
    for (const name of path.split("/")) {
      if (name.startsWith(".") || GIVEN_NAMES.has(name)) continue;
      if (EMPTY_NAME.test(name)) {
        found.push({ path, line: 1, message: `"${name}" says nothing: name the file for what it holds` });
      } else if (!KEBAB_CASE.test(name) && !COMPONENT.test(name)) {
        found.push({ path, line: 1, message: `"${name}" is not kebab-case` });
      }
    }
  }
  return found;
}

/** A file over 400 lines must say at its top why: "Over 400 lines because …". */
export function fileLengthViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const [path, text] of tree) {
    if (!LENGTH_COUNTS.test(path)) continue;
    const lineCount = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lineCount > LINES_MAX && !/over 400 lines because/i.test(firstComment(text))) {
      found.push({ path, line: 1, message: `has ${lineCount} lines: split it, or say why at its top` });
    }
  }
  return found;
}

function firstComment(text: string): string {
  const match = /^(?:#!.*\n)?\s*(?:<!--([\s\S]*?)-->|\/\*([\s\S]*?)\*\/|((?:\/\/.*\n)+))/.exec(text);
  return match?.[0].replace(/\s+(\*|\/\/)?\s*/g, " ") ?? "";
}

/** Patterns are put together from parts, so that this file does not break its own rule. */
const FOREIGN: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  {
    what: "a path of one machine",
    pattern: /(?<![\w.$-])\/(?:work|home\/\w+|root|Users\/\w+)\/(?=[\w.-])|[A-Z]:\\Users\\/,
  },
  {
    what: "a package registry",
    pattern: new RegExp(
      `https?://[^\\s"'<>]*(?:registr${"y"}|npmmirro${"r"}|artifactor${"y"}|/repositor${"y"}/npm)`,
      "i",
    ),
  },
  { what: "where a package was downloaded", pattern: /"resolved":\s*"https?:/ },
];

/** What holds on one machine only, or names where packages came from. */
export function foreignPathViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const [path, text] of tree) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const { what, pattern } of FOREIGN) {
        const match = pattern.exec(line);
        if (match !== null) found.push({ path, line: index + 1, message: `names ${what}: ${match[0]}` });
      }
    }
  }
  return found;
}
