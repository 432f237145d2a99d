import { posix } from "node:path";
import { isCode, moduleReferences } from "./parse-source.ts";
import type { SourceTree, Violation } from "./source-tree.ts";

const PRODUCT = /^(device|firmware-bridge|models)\/.*\.(ts|mjs|vue)$/;
/** What is started by name, not imported. */
const ENTRY_POINT = /^device\/(canteen-edge\.mjs|main\.ts|cli\.ts)$|\.config\.ts$|\.d\.ts$|\.test\.ts$/;

/**
 * Product files that nothing uses: no import, no worker's URL, no page. A file's own test does not count, so code
 * that only its test runs is found too.
 */
export function deadFileViolations(tree: SourceTree): Violation[] {
  const used = new Set<string>();
  for (const [path, text] of tree) {
    for (const target of targets(path, text)) {
      if (posix.basename(path) !== posix.basename(target).replace(/\.(ts|mjs)$/, ".test.ts"))
        used.add(target);
    }
  }
  return [...tree.keys()]
    .filter((path) => PRODUCT.test(path) && !ENTRY_POINT.test(path) && !used.has(path))
    .map((path) => ({ path, line: 1, message: "is used by nothing but its own test: wire it or remove it" }));
}

function targets(path: string, text: string): string[] {
  if (path.endsWith(".html")) return pageScripts(path, text);
  if (!isCode(path)) return [];
  return moduleReferences(path, text).flatMap(({ target }) => (target === null ? [] : [target]));
}

/** `<script src="./main.ts">`; vite takes a leading slash as the page's own folder. */
function pageScripts(path: string, text: string): string[] {
  return [...text.matchAll(/<script\b[^>]*\bsrc="([^"]+)"/g)].map(([, source = ""]) =>
    posix.join(posix.dirname(path), source),
  );
}
