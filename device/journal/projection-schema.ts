import { createHash } from "node:crypto";
import type { Projection } from "./journal-port.ts";

/** Another schema text means that the tables are made anew. */
export function schemaHash({ schema, tables }: Projection): string {
  return createHash("sha256")
    .update(JSON.stringify([schema, tables]))
    .digest("hex");
}

/** @param name checked by `prepareProjections` when it was recorded. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
