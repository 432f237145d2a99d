import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Text of each file of the project by its path from the top, with "/" between folders. */
export type SourceTree = ReadonlyMap<string, string>;

/** One breach of a rule, as a test prints it. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

export const REPOSITORY_ROOT = fileURLToPath(new URL("../..", import.meta.url));

const BINARY_NAME = /\.(png|jpe?g|webp|ico|onnx|woff2?|mjpe?g|wav|mp3|pdf)$/i;

/**
 * All files that git tracks or would track, deleted ones left out. Asking git keeps what is ignored (dependencies,
 * built weights, demo data) out without a second list to keep in step.
 */
export function repositoryTree(root: string = REPOSITORY_ROOT): SourceTree {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const tree = new Map<string, string>();
  for (const path of listed.split("\0").filter((name) => name !== "")) {
    const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
    // A symbolic link is kept with no text: its name counts, its target belongs to someone else.
    if (stats?.isFile()) {
      tree.set(path, BINARY_NAME.test(path) ? "" : readFileSync(join(root, path), "utf8"));
    } else if (stats?.isSymbolicLink() && path !== "node_modules") {
      tree.set(path, "");
    }
  }
  return tree;
}

/** A tree of invented files: what the planted violations live in. */
export function plantedTree(files: Readonly<Record<string, string>>): SourceTree {
  return new Map(Object.entries(files));
}

/** One line per violation, so that a failing test reads as a list of places to go to. */
export function report(violations: readonly Violation[]): string[] {
  return violations.map(({ path, line, message }) => `${path}:${line} ${message}`);
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.startsWith("test/");
}
