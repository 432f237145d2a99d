import { type Document, isAlias, isMap, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Hint } from "../platform/errors.ts";

/** A file of settings is a few kilobytes; more is a mistake or an attack. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** An alias may stand for a list that others repeat; beyond this the expansion itself is the attack. */
const ALIAS_COUNT_MAX = 100;
const SYNTAX_PROBLEMS_MAX = 20;

export interface YamlSource {
  readonly document: Document.Parsed;
  /** Plain objects, arrays and scalars. */
  readonly raw: unknown;
  /** Line of the key or entry at `keys`, or of the nearest parent that exists. */
  lineOf(keys: readonly (string | number)[]): number | null;
}

export interface SyntaxProblem {
  readonly line: number | null;
  readonly reason: Hint;
}

export type YamlParse =
  | { readonly kind: "parsed"; readonly source: YamlSource }
  | { readonly kind: "unreadable"; readonly problems: readonly SyntaxProblem[] };

/** Parses YAML 1.2 core: duplicate keys, unknown tags, several documents and alias bombs are refused. */
export function parseYaml(text: string): YamlParse {
  if (Buffer.byteLength(text) > CONFIG_BYTES_MAX) {
    return unreadable(
      null,
      `文件超过 ${CONFIG_BYTES_MAX} 字节`,
      `the file is over ${CONFIG_BYTES_MAX} bytes`,
    );
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      uniqueKeys: true,
      merge: false,
      stringKeys: true,
      prettyErrors: false,
      version: "1.2",
    });
    const issues = [...document.errors, ...document.warnings];
    if (issues.length > 0) {
      return {
        kind: "unreadable",
        problems: issues.slice(0, SYNTAX_PROBLEMS_MAX).map((issue) => ({
          line: lines.linePos(issue.pos[0]).line,
          reason: { zh: `YAML 语法错误：${issue.message}`, en: `YAML: ${issue.message}` },
        })),
      };
    }
    const raw: unknown = document.toJS({ maxAliasCount: ALIAS_COUNT_MAX });
    return { kind: "parsed", source: { document, raw, lineOf: (keys) => lineOf(document, lines, keys) } };
  } catch (error) {
    if (error instanceof ReferenceError) {
      return /^Excessive/.test(error.message)
        ? unreadable(null, "别名（&、*）展开过多", "too many aliases (& and *)")
        : unreadable(null, `别名无效：${error.message}`, `YAML: ${error.message}`);
    }
    // The parser descends by recursion: a megabyte of brackets exhausts the stack, not the memory.
    if (error instanceof RangeError) return unreadable(null, "嵌套过深", "nested too deeply");
    throw error;
  }
}

function unreadable(line: number | null, zh: string, en: string): YamlParse {
  return { kind: "unreadable", problems: [{ line, reason: { zh, en } }] };
}

function lineOf(
  document: Document.Parsed,
  lines: LineCounter,
  keys: readonly (string | number)[],
): number | null {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const key of keys) {
    if (isAlias(node)) node = node.resolve(document);
    const step = child(node, key);
    if (step === null) break;
    node = step.value;
    offset = step.offset ?? offset;
  }
  return offset === null ? null : lines.linePos(offset).line;
}

/** A key's own place, not its value's: that is where a person looks. */
function child(node: unknown, key: string | number): { value: unknown; offset: number | null } | null {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => String((item.key as { value?: unknown } | null)?.value) === String(key),
    );
    return pair === undefined ? null : { value: pair.value, offset: startOf(pair.key) };
  }
  if (isSeq(node) && typeof key === "number") {
    const item = node.items[key];
    return item === undefined ? null : { value: item, offset: startOf(item) };
  }
  return null;
}

function startOf(node: unknown): number | null {
  return (node as Node | null | undefined)?.range?.[0] ?? null;
}
