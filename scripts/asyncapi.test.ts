import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CHANNELS } from "../device/sync/topics.ts";
import { ASYNCAPI_FILE, asyncApiDocument } from "./asyncapi.ts";

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : referencesIn(inner),
  );
}

function resolve(document: unknown, reference: string): unknown {
  let at: unknown = document;
  for (const key of reference.replace(/^#\//, "").split("/")) {
    at = typeof at === "object" && at !== null ? new Map(Object.entries(at)).get(key) : undefined;
  }
  return at;
}

describe("the AsyncAPI document", () => {
  it("is what the schemas say now; else run scripts/asyncapi.ts", () => {
    expect(JSON.parse(readFileSync(ASYNCAPI_FILE, "utf8"))).toEqual(asyncApiDocument());
  });

  it("describes every topic, and every reference in it leads somewhere", () => {
    const document = asyncApiDocument();
    const references = referencesIn(document);
    expect(references.length).toBeGreaterThan(Object.keys(CHANNELS).length * 3);
    expect(references.filter((reference) => resolve(document, reference) === undefined)).toEqual([]);
    expect(resolve(document, "#/components/schemas/entry-charge.made")).toBeDefined();
    const text = JSON.stringify(document);
    for (const { suffix } of Object.values(CHANNELS)) expect(text).toContain(`{device}/${suffix}"`);
  });
});
