import { COMPUTED_SPECIFIER, isCode, moduleReferences } from "./parse-source.ts";
import { isTest, type SourceTree, type Violation } from "./source-tree.ts";

/** One row of the import table: what the files below `folder` may import beside their own folder. */
interface ImportRow {
  readonly folder: string;
  readonly may: readonly string[];
  /** Folders of which only the ports (`*-port.ts`, `firmware-bridge/ports`) may be imported. */
  readonly mayPorts?: readonly string[];
  /** As `mayPorts`, but with `import type` only: nothing of it is left at run time. */
  readonly mayPortTypes?: readonly string[];
  /** false: a pure folder, not even node's modules or packages. */
  readonly mayPackages?: boolean;
}

const CAPABILITY = {
  may: [
    "device/journal",
    "device/roster",
    "device/security",
    "device/photos",
    "device/signatures",
    "device/platform",
  ],
  mayPorts: ["firmware-bridge", "models"],
};

/**
 * The import table. The longest matching `folder` holds; a file that no row covers may import nothing.
 * Tests count as `test`: they may import anything and nothing imports them.
 */
export const IMPORT_TABLE: readonly ImportRow[] = [
  { folder: "firmware-bridge/ports", may: [], mayPackages: false },
  { folder: "firmware-bridge/framing", may: ["firmware-bridge/ports"], mayPackages: false },
  { folder: "firmware-bridge/protocol", may: ["firmware-bridge/ports"], mayPackages: false },
  { folder: "firmware-bridge/simulators", may: ["firmware-bridge/ports"] },
  { folder: "firmware-bridge", may: ["firmware-bridge"] },
  { folder: "models", may: [] },
  { folder: "device/platform", may: [] },
  { folder: "device/config", may: ["device/platform"] },
  { folder: "device/journal", may: ["device/platform"] },
  { folder: "device/security", may: ["device/platform", "device/journal"] },
  {
    folder: "device/roster",
    may: ["device/journal", "device/security", "device/platform"],
    mayPortTypes: ["models"],
  },
  { folder: "device/backup", may: ["device/platform", "device/journal"] },
  {
    folder: "device/photos",
    may: ["device/journal", "device/platform"],
    mayPorts: ["firmware-bridge", "models"],
  },
  {
    folder: "device/signatures",
    may: ["device/journal", "device/roster", "device/security", "device/platform"],
    mayPorts: ["models"],
  },
  { folder: "device/sync", may: ["device/journal", "device/roster", "device/security", "device/platform"] },
  { folder: "device/serving-line", ...CAPABILITY },
  { folder: "device/receiving", ...CAPABILITY },
  { folder: "device/sample-cabinet", ...CAPABILITY },
  {
    folder: "device/kiosk",
    may: ["device/platform", "device/config"],
    // Their lists of reasons and codes are values: the page's schemas are built from them, not from a copy.
    mayPorts: ["device"],
    mayPortTypes: ["firmware-bridge", "models"],
  },
  {
    // The page shows the amounts and the reasons in the same words as the rest: pure files, no I/O behind them.
    folder: "device/kiosk/ui",
    may: [
      "device/kiosk",
      "device/platform/units.ts",
      "device/serving-line/refusal-text.ts",
      "device/sample-cabinet/sample-text.ts",
    ],
    mayPorts: ["device"],
    mayPortTypes: ["firmware-bridge", "models"],
  },
  { folder: "device/main.ts", may: ["device", "firmware-bridge", "models"] },
  { folder: "device/commands", may: ["device", "firmware-bridge", "models"] },
  { folder: "device/cli.ts", may: ["device/commands", "device/platform", "device/app-version.ts"] },
  { folder: "device/app-version.ts", may: [] },
  { folder: "device/canteen-edge.mjs", may: ["device/cli.ts", "device/runtime.mjs"] },
  { folder: "device/runtime.mjs", may: [] },
  { folder: "scripts", may: ["device", "firmware-bridge", "models", "scripts", "test"] },
  { folder: "test", may: ["device", "firmware-bridge", "models", "scripts", "test"] },
];

/** Parts of the composition root (`terminal-store.ts`, …): main.ts in several files, under the same rule. */
const PART_OF_MAIN = /^device\/(main|terminal-[a-z-]+)\.ts$/;
/** The composition root is reached from itself and the commands alone. */
const MAY_IMPORT_MAIN = /^(device\/(commands\/|cli\.ts$|main\.ts$|terminal-[a-z-]+\.ts$)|scripts\/|test\/)/;

/** Every import that the table does not allow. */
export function importViolations(tree: SourceTree): Violation[] {
  const found: Violation[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path)) continue;
    const row = rowOf(isTest(path) ? "test" : PART_OF_MAIN.test(path) ? "device/main.ts" : path);
    for (const reference of moduleReferences(path, text)) {
      const message =
        row === undefined ? "is in no folder of the import table" : refusal(path, row, reference);
      if (message !== null) found.push({ path, line: reference.line, message });
    }
  }
  return found;
}

function rowOf(path: string): ImportRow | undefined {
  return IMPORT_TABLE.filter(({ folder }) => isBelow(path, folder)).sort(
    (a, b) => b.folder.length - a.folder.length,
  )[0];
}

function refusal(
  path: string,
  row: ImportRow,
  reference: { readonly specifier: string; readonly target: string | null; readonly typeOnly: boolean },
): string | null {
  const { specifier, target, typeOnly } = reference;
  const free = row.folder === "scripts" || row.folder === "test";
  if (specifier === COMPUTED_SPECIFIER) return free ? null : "imports a computed path: no test can follow it";
  if (target === null) {
    return row.mayPackages === false ? `is pure and may not import the package ${specifier}` : null;
  }
  if (target.endsWith(".test.ts")) return `imports the test ${target}`;
  if (PART_OF_MAIN.test(target) && !isTest(path) && !MAY_IMPORT_MAIN.test(path))
    return "imports the composition root";
  const allowed =
    isBelow(target, row.folder) ||
    row.may.some((folder) => isBelow(target, folder)) ||
    (isPort(target) && (among(target, row.mayPorts) || (typeOnly && among(target, row.mayPortTypes))));
  if (allowed && !leavesOwnRow(path, target, row)) return null;
  const asType = isPort(target) && among(target, row.mayPortTypes) ? " other than by import type" : "";
  return `may not import ${target}${asType}`;
}

/** "Own folder" ends where a longer row begins: `device/kiosk` may not import what is in `device/kiosk/ui`. */
function leavesOwnRow(path: string, target: string, row: ImportRow): boolean {
  if (isTest(path) || row.folder === "scripts") return false;
  const targetRow = rowOf(target);
  return (
    targetRow !== undefined &&
    targetRow.folder !== row.folder &&
    isBelow(targetRow.folder, row.folder) &&
    !row.may.some((folder) => isBelow(target, folder))
  );
}

function among(target: string, folders: readonly string[] | undefined): boolean {
  return folders?.some((folder) => isBelow(target, folder)) ?? false;
}

function isPort(path: string): boolean {
  return path.endsWith("-port.ts") || path.startsWith("firmware-bridge/ports/");
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
