import ts from "typescript";
import { isCode, lineOf, parseSource, walk } from "./parse-source.ts";
import { isTest, type SourceTree, type Violation } from "./source-tree.ts";

/** A set of names that some files may not use, and what to use in their place. */
interface Ban {
  readonly names: readonly string[];
  /** Modules whose import would bring the same thing in by another name. */
  readonly modules?: readonly string[];
  readonly instead: string;
  readonly holdsFor: (path: string) => boolean;
}

const THE_CLOCK = "device/platform/system-clock.ts";
// It runs before any TypeScript does, and ends the process when nothing else would.
const THE_COMMAND = "device/canteen-edge.mjs";
// The browser's own page has no Clock: it shows, it decides nothing.
const isPage = (path: string): boolean => path.startsWith("device/kiosk/ui/");
const isDeviceCode = (path: string): boolean =>
  path.startsWith("device/") && !isPage(path) && path !== THE_CLOCK && path !== THE_COMMAND;

export const BANS: readonly Ban[] = [
  {
    names: ["Date.now", "new Date()", "Date()", "performance.now", "process.hrtime"],
    instead: "take a Clock",
    holdsFor: (path) => isDeviceCode(path) && !isTest(path),
  },
  {
    names: [
      "setTimeout",
      "setInterval",
      "setImmediate",
      "globalThis.setTimeout",
      "globalThis.setInterval",
      "globalThis.setImmediate",
      "AbortSignal.timeout",
    ],
    modules: ["node:timers", "node:timers/promises", "timers", "timers/promises"],
    instead: "take a Clock",
    holdsFor: (path) => isDeviceCode(path) && !isTest(path),
  },
  { names: ["Math.random"], instead: "take an Entropy", holdsFor: isDeviceCode },
  {
    names: ["parseFloat", "Number.parseFloat", ".toFixed"],
    instead: "money and mass are integers; formatYuan shows them",
    holdsFor: (path) => (path.startsWith("device/") || path.startsWith("firmware-bridge/")) && !isTest(path),
  },
  {
    names: ["console"],
    modules: ["node:console", "console"],
    instead: "take a Logger",
    holdsFor: (path) =>
      /^(device|firmware-bridge|models)\//.test(path) &&
      !/^device\/(cli\.ts$|canteen-edge\.mjs$|commands\/)/.test(path) &&
      !isTest(path),
  },
];

/** Every use of a banned name; found in the syntax tree, so a comment or a string is none. */
export function bannedCallViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const [path, text] of tree) {
    const bans = isCode(path) ? BANS.filter((ban) => ban.holdsFor(path)) : [];
    if (bans.length === 0) continue;
    const source = parseSource(path, text);
    walk(source, (node) => {
      const names = namesUsed(node);
      const module = importedModule(node);
      for (const ban of bans) {
        const name = names.find((used) => ban.names.includes(used));
        if (name !== undefined) {
          found.push({ path, line: lineOf(source, node), message: `uses ${name}: ${ban.instead}` });
        } else if (module !== null && ban.modules?.includes(module)) {
          found.push({ path, line: lineOf(source, node), message: `imports ${module}: ${ban.instead}` });
        }
      }
    });
  }
  return found;
}

/** The names under which this one node could be banned; empty for most nodes. */
function namesUsed(node: ts.Node): string[] {
  if (ts.isNewExpression(node) && node.expression.getText() === "Date") {
    return (node.arguments?.length ?? 0) === 0 ? ["new Date()"] : [];
  }
  if (ts.isCallExpression(node) && node.expression.getText() === "Date") return ["Date()"];
  if (ts.isPropertyAccessExpression(node)) {
    return [`${node.expression.getText()}.${node.name.text}`, `.${node.name.text}`];
  }
  if (ts.isIdentifier(node) && isPlainUse(node)) return [node.text];
  return [];
}

/** A use of the global, not a member, a key or a name that is being declared. */
function isPlainUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  // The import itself is judged by its module's name.
  if (ts.isImportSpecifier(parent)) return false;
  return !(
    (ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isBindingElement(parent) ||
      ts.isParameter(parent)) &&
    parent.name === node
  );
}

function importedModule(node: ts.Node): string | null {
  return ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)
    ? node.moduleSpecifier.text
    : null;
}
