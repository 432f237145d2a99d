import type { z } from "zod";
import type { Hint } from "../platform/errors.ts";
import { configKeys } from "./key-paths.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** One thing that is wrong, ready to show: everything wrong is reported at once. */
export interface ConfigProblem {
  /** "servingLine.mealPlan.periods[0].to"; "" for the file as a whole. */
  readonly path: string;
  /** Line in the file from 1; null where no file is involved. */
  readonly line: number | null;
  readonly reason: Hint;
  /** The value as JSON, cut to a short length, never a secret; null when there is none. */
  readonly value: string | null;
}

/** A problem before its line is known: an issue of the schema can name several unknown keys. */
export interface UnplacedProblem {
  readonly keys: Path;
  readonly reason: Hint;
  readonly value: string | null;
}

const VALUE_LENGTH_MAX = 80;
/** Someone will write a password into the file in spite of all: an unknown key is shown without its value. */
const SECRET_KEY = /pass(word|wd|phrase)?$|pin$|secret|token|key$|credential/i;
const CREDENTIALS_IN_URL = /\/\/[^/@\s"]*@/g;

export function explainIssue(issue: Issue, raw: unknown): UnplacedProblem[] {
  const keys = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      keys: [...keys, key],
      reason: unknownKeyReason(keys, key),
      value: showValue([...keys, key], valueAt(raw, [...keys, key])),
    }));
  }
  const value = valueAt(raw, keys);
  return [{ keys, reason: reasonOf(issue, value), value: showValue(keys, value) }];
}

/** "a.b[0].c" */
export function pathText(keys: Path): string {
  return keys.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** The value at a path of parsed YAML, undefined when there is none. */
export function valueAt(raw: unknown, keys: Path): unknown {
  return keys.reduce<unknown>((value, key) => {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<string | number, unknown>)[key];
  }, raw);
}

/** The value for a person's eyes: short, and without what looks like a secret. */
export function showValue(keys: Path, value: unknown): string | null {
  if (value === undefined) return null;
  if (keys.some((key) => typeof key === "string" && SECRET_KEY.test(key))) return "[removed]";
  const json = JSON.stringify(value, (key, inner: unknown) => (SECRET_KEY.test(key) ? "[removed]" : inner));
  const text = (json ?? String(value)).replace(CREDENTIALS_IN_URL, "//[removed]@");
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}

function reasonOf(issue: Issue, value: unknown): Hint {
  if (value === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value")) {
    return { zh: "缺少必填项", en: "is required" };
  }
  switch (issue.code) {
    case "invalid_type":
      return { zh: `应为${typeNameZh(issue.expected)}`, en: `must be ${typeNameEn(issue.expected)}` };
    case "invalid_value":
      return oneOf(issue.values);
    case "invalid_union":
      return value !== null && typeof value === "object"
        ? { zh: "没有一种写法符合", en: "matches none of the allowed forms" }
        : oneOf("options" in issue && Array.isArray(issue.options) ? issue.options : []);
    case "too_big":
    case "too_small":
      return sizeReason(issue);
    default:
      return splitMessage(issue.message);
  }
}

function sizeReason(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): Hint {
  const tooBig = issue.code === "too_big";
  const bound = tooBig ? issue.maximum : issue.minimum;
  const unit =
    issue.origin === "string"
      ? { zh: " 个字符", en: " characters" }
      : issue.origin === "array"
        ? { zh: " 项", en: " entries" }
        : { zh: "", en: "" };
  return tooBig
    ? { zh: `不能大于 ${bound}${unit.zh}`, en: `must be at most ${bound}${unit.en}` }
    : { zh: `不能小于 ${bound}${unit.zh}`, en: `must be at least ${bound}${unit.en}` };
}

function oneOf(values: readonly unknown[]): Hint {
  const list = values.map(String).join(" | ");
  return { zh: `应为以下之一：${list}`, en: `must be one of ${list}` };
}

/** The schema's own messages are "中文 / English". */
function splitMessage(message: string): Hint {
  const [zh, en] = message.split(" / ");
  return zh !== undefined && en !== undefined ? { zh, en } : { zh: `无效：${message}`, en: message };
}

const TYPE_NAMES: Readonly<Record<string, Hint>> = {
  string: { zh: "文字", en: "text" },
  number: { zh: "数字", en: "a number" },
  int: { zh: "整数", en: "a whole number" },
  boolean: { zh: "true 或 false", en: "true or false" },
  object: { zh: "一组键值", en: "a group of keys" },
  array: { zh: "列表", en: "a list" },
};
const typeNameZh = (expected: string): string => TYPE_NAMES[expected]?.zh ?? expected;
const typeNameEn = (expected: string): string => TYPE_NAMES[expected]?.en ?? expected;

function unknownKeyReason(parent: Path, key: string): Hint {
  const likely = likelyKey(parent, key);
  return likely === undefined
    ? { zh: "未知的键", en: "unknown key" }
    : { zh: `未知的键，是否应为 ${likely}？`, en: `unknown key; did you mean ${likely}?` };
}

/** The sibling that the key was probably meant to be: the same name with another unit, or a slip of a letter or two. */
function likelyKey(parent: Path, key: string): string | undefined {
  const pattern = pathText(parent).replace(/\[\d+\]/g, "[]");
  const prefix = pattern === "" ? "" : `${pattern}.`;
  const siblings = new Set(
    configKeys()
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ path }) => path.slice(prefix.length).split(/[.[]/)[0] ?? ""),
  );
  const stem = (name: string): string => (name.match(/[A-Z]?[a-z]+/g) ?? [name])[0].toLowerCase();
  const ranked = [...siblings]
    .map((name) => ({ name, distance: editDistance(name.toLowerCase(), key.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return (
    ranked.find(({ distance }) => distance <= 2)?.name ??
    ranked.find(({ name }) => stem(name) === stem(key) && stem(key).length >= 4)?.name
  );
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letterA] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, letterB] of [...b].entries()) {
      const replace = (row[j] ?? 0) + (letterA === letterB ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
