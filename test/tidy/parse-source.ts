import { posix } from "node:path";
import ts from "typescript";

/** One reference from a file to another module. */
export interface ModuleReference {
  /** As written: "./x.ts", "node:fs", "zod". */
  readonly specifier: string;
  /** Path from the top for a relative specifier, else null. */
  readonly target: string | null;
  /** Gone at run time: `import type`, `export type … from`, `import("…").T` in a type. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface ParsedSource {
  readonly file: ts.SourceFile;
  /** Lines before the parsed text in the file: a Vue component's script does not start at line 1. */
  readonly lineOffset: number;
}

const CODE_NAME = /\.(ts|mjs|js|vue)$/;

/** Whether the file holds code that the rules below can parse. */
export function isCode(path: string): boolean {
  return CODE_NAME.test(path) && !path.endsWith(".d.ts");
}

/** Parses a file; of a Vue component the script block alone. */
export function parseSource(path: string, text: string): ParsedSource {
  const script = path.endsWith(".vue") ? vueScript(text) : { text, lineOffset: 0 };
  const file = ts.createSourceFile(path, script.text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  return { file, lineOffset: script.lineOffset };
}

function vueScript(text: string): { readonly text: string; readonly lineOffset: number } {
  const match = /<script\b[^>]*>([\s\S]*?)<\/script>/.exec(text);
  if (match?.[1] === undefined) return { text: "", lineOffset: 0 };
  const start = match.index + match[0].indexOf(">") + 1;
  return { text: match[1], lineOffset: text.slice(0, start).split("\n").length - 1 };
}

export function lineOf(source: ParsedSource, node: ts.Node): number {
  return source.file.getLineAndCharacterOfPosition(node.getStart(source.file)).line + 1 + source.lineOffset;
}

/** Calls `visit` for every node below the file. */
export function walk(source: ParsedSource, visit: (node: ts.Node) => void): void {
  const descend = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, descend);
  };
  ts.forEachChild(source.file, descend);
}

/** Every module that the file names: static, re-exported, dynamic, in a type, or as a worker's URL. */
export function moduleReferences(path: string, text: string): ModuleReference[] {
  const source = parseSource(path, text);
  const found: ModuleReference[] = [];
  walk(source, (node) => {
    const reference = referenceOf(node);
    if (reference === null) return;
    found.push({
      ...reference,
      target: reference.specifier.startsWith(".")
        ? posix.join(posix.dirname(path), reference.specifier.replace(/\?.*$/, ""))
        : null,
      line: lineOf(source, node),
    });
  });
  return found;
}

/** Stands for the argument of an `import(…)` that is no literal; no rule can follow it. */
export const COMPUTED_SPECIFIER = "<computed>";

function referenceOf(node: ts.Node): { readonly specifier: string; readonly typeOnly: boolean } | null {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return { specifier: node.moduleSpecifier.text, typeOnly };
  }
  if (
    ts.isExportDeclaration(node) &&
    node.moduleSpecifier !== undefined &&
    ts.isStringLiteral(node.moduleSpecifier)
  ) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const { literal } = node.argument;
    return ts.isStringLiteral(literal) ? { specifier: literal.text, typeOnly: true } : null;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    const literal = argument !== undefined && ts.isStringLiteralLike(argument);
    return { specifier: literal ? argument.text : COMPUTED_SPECIFIER, typeOnly: false };
  }
  return workerUrlOf(node);
}

/** `new URL("./worker.ts", import.meta.url)`: how a worker thread or a child process names its file. */
function workerUrlOf(node: ts.Node): { readonly specifier: string; readonly typeOnly: boolean } | null {
  if (!ts.isNewExpression(node) || node.expression.getText() !== "URL") return null;
  const [specifier, base] = node.arguments ?? [];
  if (specifier === undefined || !ts.isStringLiteral(specifier) || base?.getText() !== "import.meta.url") {
    return null;
  }
  if (!isCode(specifier.text) || /^[a-z]+:/.test(specifier.text)) return null;
  // A URL needs no "./" to be relative.
  return {
    specifier: specifier.text.startsWith(".") ? specifier.text : `./${specifier.text}`,
    typeOnly: false,
  };
}
