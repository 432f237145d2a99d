/** Source files of a pinned package, for tests that compare a conversion with its source. */

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { readManifest } from "../manifest.ts";
import { readTarball } from "./tarball.ts";

/** The members of one artifact, in its order, by the npm client: from its cache where it has them. */
export async function sourcesOf(file: string, manifestFile?: string): Promise<readonly Uint8Array[]> {
  const { packages, artifacts } = await readManifest(manifestFile);
  const artifact = artifacts.find((candidate) => candidate.file === file);
  const pinned = packages.find(({ name }) => name === artifact?.package);
  if (artifact === undefined || pinned === undefined) throw new Error(`${file} is not in the manifest`);
  const folder = await mkdtemp(path.join(tmpdir(), "canteen-source-"));
  try {
    const spec = `${pinned.name}@${pinned.version}`;
    const flags = ["--pack-destination", folder, "--ignore-scripts", "--silent", "--prefer-offline"];
    execFileSync("npm", ["pack", spec, ...flags], { cwd: folder });
    const [tarball = ""] = await readdir(folder);
    const members = await readTarball(path.join(folder, tarball), new Set(artifact.members));
    return artifact.members.map((member) => members.get(member) ?? new Uint8Array());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
