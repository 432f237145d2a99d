import ts from "typescript";
import { lineOf, type ParsedSource, parseSource, walk } from "./parse-source.ts";
import type { SourceTree, Violation } from "./source-tree.ts";

const NARROWED = new Set(["only", "skip", "todo", "fails"]);
const CONDITIONAL = new Set(["skipIf", "runIf"]);
/** What a test may ask of its machine: a program that .ci/run installs, or a right that only root has. */
const MACHINE_QUESTIONS = new Set(["hasTool", "mayMount"]);
const SHORT_FORMS = new Set(["fit", "fdescribe", "xit", "xtest", "xdescribe"]);

/**
 * Tests that would not run, or wait for time to pass. `skipIf` and `runIf` are for a missing system program alone,
 * asked through `hasTool`, which fails in CI instead.
 */
export function testRuleViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith(".test.ts")) continue;
    const source = parseSource(path, text);
    const fromTools = namesFromHasTool(source);
    walk(source, (node) => {
      const message =
        narrowing(node, fromTools) ?? (isSleep(node) ? "sleeps: wait for the event itself" : null);
      if (message !== null) found.push({ path, line: lineOf(source, node), message });
    });
  }
  return found;
}

function narrowing(node: ts.Node, fromTools: ReadonlySet<string>): string | null {
  if (!ts.isCallExpression(node)) return null;
  const { expression } = node;
  if (ts.isIdentifier(expression) && SHORT_FORMS.has(expression.text))
    return `narrows with ${expression.text}`;
  if (!ts.isPropertyAccessExpression(expression)) return null;
  const name = expression.name.text;
  if (NARROWED.has(name)) return `narrows with .${name}`;
  if (!CONDITIONAL.has(name)) return null;
  const [condition] = node.arguments;
  return condition !== undefined && asksForTool(condition, fromTools)
    ? null
    : `.${name} without hasTool: only a missing system program may skip a test`;
}

/** `const mosquitto = hasTool("mosquitto")`: later conditions may use the name. */
function namesFromHasTool(source: ParsedSource): ReadonlySet<string> {
  const names = new Set<string>();
  walk(source, (node) => {
    if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name) || node.initializer === undefined)
      return;
    if (asksForTool(node.initializer, names)) names.add(node.name.text);
  });
  return names;
}

function asksForTool(condition: ts.Node, fromTools: ReadonlySet<string>): boolean {
  let asks = false;
  const descend = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && (MACHINE_QUESTIONS.has(node.text) || fromTools.has(node.text))) asks = true;
    ts.forEachChild(node, descend);
  };
  descend(condition);
  return asks;
}

/** `new Promise((done) => setTimeout(done, n))`: a promise of nothing but time. */
function isSleep(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) || node.expression.getText() !== "Promise") return false;
  const [executor] = node.arguments ?? [];
  if (executor === undefined || !ts.isArrowFunction(executor)) return false;
  const resolve = executor.parameters[0]?.name.getText();
  const call = soleCall(executor.body);
  return (
    call !== null &&
    /(^|\.)setTimeout$/.test(call.expression.getText()) &&
    call.arguments[0]?.getText() === resolve
  );
}

function soleCall(body: ts.ConciseBody): ts.CallExpression | null {
  if (ts.isCallExpression(body)) return body;
  if (!ts.isBlock(body) || body.statements.length !== 1) return null;
  const [statement] = body.statements;
  if (statement === undefined || !ts.isExpressionStatement(statement)) return null;
  return ts.isCallExpression(statement.expression) ? statement.expression : null;
}
