import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DIALECTS } from "../protocol/registry.ts";
import { NOT_IDENTIFIABLE, rankDialects } from "./rank.ts";

interface GoldenFrame {
  readonly hex: string;
  readonly source: string;
  readonly expected: { readonly type: string; readonly value?: string | null };
}

/** Dialects that say the same line in the same bytes; whoever is first, the other must be right behind it. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  "cas-and18": ["cas-cbx", "stgs-text", "kern"],
  "cas-cbx": ["and-standard", "stgs-text", "kern"],
  "and-standard": ["cas-cbx", "stgs-text"],
  "stgs-text": ["kern", "cas-and18"],
  "cas-22": [],
  "modbus-temp": ["modbus-rtu"],
  "modbus-rtu": ["modbus-temp"],
  "adam-cbk": ["yaohua-eq"],
  ohaus: ["gg-shuangjie"],
  "gg-shuangjie": ["ohaus"],
};

/** What the dialect's device says again and again: one frame that measures, six times. */
function talk(key: string): Uint8Array | null {
  const frames = readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line): GoldenFrame => JSON.parse(line))
    .filter(({ expected: { type, value } }) =>
      ["temperature", "probe", "card", "modbus"].includes(type) ? true : type === "weight" && value != null,
    );
  const [first] = frames;
  if (first === undefined) return null;
  return Uint8Array.from(Buffer.concat(Array.from({ length: 6 }, () => Buffer.from(first.hex, "hex"))));
}

const talkers = DIALECTS.filter(
  ({ key, device }) => device !== "scanner" && !NOT_IDENTIFIABLE.includes(key),
).flatMap((dialect) => {
  const bytes = talk(dialect.key);
  return bytes === null ? [] : [{ key: dialect.key, dialect, bytes }];
});

describe("fingerprinting", () => {
  it.each(talkers)("finds $key, first or beside its twins", ({ key, bytes }) => {
    const [best, ...others] = rankDialects(bytes);
    const found = [best, ...others].find((candidate) => candidate?.protocol === key);
    expect(found, JSON.stringify(best)).toBeDefined();
    if (best?.protocol === key) return;
    expect([...(TWINS[key] ?? [])], `${best?.protocol} ${best?.confidence}`).toContain(best?.protocol);
    expect((best?.confidence ?? 1) - (found?.confidence ?? 0)).toBeLessThanOrEqual(0.15);
  });

  it("flags each dialect whose check is weak, or of which no frame of a real device was seen", () => {
    for (const { dialect, bytes } of talkers) {
      const found = rankDialects(bytes).find(({ protocol }) => protocol === dialect.key);
      const isWeak = dialect.trust.check === "weak" || dialect.trust.evidence === "documentation";
      if (isWeak) expect(found?.caution, dialect.key).not.toBeNull();
    }
  });
});
