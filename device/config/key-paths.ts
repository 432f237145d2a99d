import { z } from "zod";
import { configStructure } from "./schema.ts";

/** One key of the configuration as its schema describes it. */
export interface KeyDescription {
  /** "servingLine.mealPlan.periods[].pricing.priceFen"; a list's entries are "[]". */
  readonly path: string;
  /** "integer 1…65535", "touch | presence", … */
  readonly type: string;
  readonly required: boolean;
  /** As JSON, null when there is none. */
  readonly defaultJson: string | null;
  readonly description: string;
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** Every key that a value can be written at, in the order of the schema. Keys of a union's variants are merged. */
export function configKeys(): KeyDescription[] {
  // The border between zod's typed answer and the few JSON Schema words that are read here.
  const schema = z.toJSONSchema(configStructure, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const byPath = new Map<string, KeyDescription>();
  collect(schema, "", byPath);
  return [...byPath.values()];
}

function collect(schema: JsonSchema, path: string, found: Map<string, KeyDescription>): void {
  for (const variant of [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) {
    for (const [key, child] of Object.entries(variant.properties ?? {})) {
      const childPath = path === "" ? key : `${path}.${key}`;
      const isGroup = child.properties !== undefined || child.oneOf?.[0]?.properties !== undefined;
      if (!isGroup && child.items?.properties === undefined) {
        const required = variant.required?.includes(key) ?? false;
        merge(found, { ...describeKey(childPath, child), required });
      }
      collect(child, childPath, found);
      if (child.items !== undefined) collect(child.items, `${childPath}[]`, found);
    }
  }
}

/** The same key in two variants of a union (`camera.kind`): its values and defaults are joined. */
function merge(found: Map<string, KeyDescription>, key: KeyDescription): void {
  const earlier = found.get(key.path);
  if (earlier === undefined) {
    found.set(key.path, key);
    return;
  }
  found.set(key.path, {
    ...earlier,
    type: earlier.type === key.type ? key.type : `${earlier.type} | ${key.type}`,
    defaultJson:
      earlier.defaultJson === key.defaultJson
        ? key.defaultJson
        : `${earlier.defaultJson} or ${key.defaultJson}`,
    description: earlier.description === "" ? key.description : earlier.description,
  });
}

function describeKey(path: string, schema: JsonSchema): Omit<KeyDescription, "required"> {
  return {
    path,
    type: typeText(schema),
    defaultJson: schema.default === undefined ? null : JSON.stringify(schema.default),
    description: schema.description ?? "",
  };
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(String).join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  const name = Array.isArray(schema.type) ? schema.type.join(" | ") : String(schema.type ?? "any");
  const { minimum, maximum } = schema;
  return minimum === undefined || maximum === undefined ? name : `${name} ${minimum}…${maximum}`;
}
