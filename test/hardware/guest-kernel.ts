import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

/** What the guest needs of the distribution's own kernel: to reach its files, and a USB bus with both ends. */
const MODULES: readonly string[] = [
  "virtio_pci",
  "9pnet_virtio",
  "9p",
  "overlay",
  "configfs",
  "dummy_hcd",
  "usb_f_hid",
  "usb_f_acm",
  "usbhid",
  "hid-generic",
  "cdc-acm",
  "evdev",
];
const META_PACKAGE = "linux-image-amd64";

export interface GuestKernel {
  readonly image: string;
  /** Names of the module files in `moduleFolder`, in the order in which they load. */
  readonly modules: readonly string[];
  readonly moduleFolder: string;
}

/**
 * Fetches Debian's kernel package, once, and keeps of it the image and the modules that the guest loads.
 * @param folder  a cache that git ignores; 20 MB stay in it.
 * @param wanted  names of modules; those for the tests of the USB stack unless said otherwise.
 */
export function guestKernel(folder: string, wanted: readonly string[] = MODULES): GuestKernel {
  const kept = join(folder, "kernel");
  if (!existsSync(kept)) {
    const fetched = `${kept}.fetched`;
    rmSync(fetched, { recursive: true, force: true });
    mkdirSync(fetched, { recursive: true });
    unpack(fetched, wanted);
    renameSync(fetched, kept);
  }
  const moduleFolder = join(kept, "modules");
  const modules = readFileSync(join(kept, "load-order"), "utf8").split("\n").filter(Boolean);
  return { image: join(kept, "vmlinuz"), modules, moduleFolder };
}

function unpack(folder: string, wanted: readonly string[]): void {
  const depends = execFileSync("apt-cache", ["depends", META_PACKAGE], { encoding: "utf8" });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no ${META_PACKAGE}: run apt-get update`);
  execFileSync("apt-get", ["download", "-qq", name], { cwd: folder, stdio: "inherit" });
  const archive = readdirSync(folder).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get download ${name} brought no package`);
  const root = join(folder, "package");
  execFileSync("dpkg-deb", ["-x", join(folder, archive), root]);
  const version = name.replace(/^linux-image-/, "");
  execFileSync("depmod", ["-b", root, version]);
  cpSync(join(root, "boot", `vmlinuz-${version}`), join(folder, "vmlinuz"));
  keepModules(join(root, "lib", "modules", version), folder, wanted);
  rmSync(root, { recursive: true });
  rmSync(join(folder, archive));
}

function keepModules(from: string, folder: string, wanted: readonly string[]): void {
  const to = join(folder, "modules");
  mkdirSync(to);
  const order: string[] = [];
  for (const path of loadOrder(readFileSync(join(from, "modules.dep"), "utf8"), wanted)) {
    const file = basename(path).replace(/\.xz$/, "");
    if (path.endsWith(".xz"))
      writeFileSync(join(to, file), execFileSync("xz", ["-dc", join(from, path)], { maxBuffer: 64 << 20 }));
    else cpSync(join(from, path), join(to, file));
    order.push(file);
  }
  writeFileSync(join(folder, "load-order"), `${order.join("\n")}\n`);
}

/**
 * @param dependencies  the text of `modules.dep`: a module's path, a colon, and what it needs, the first to load last.
 * @returns paths of the wanted modules and of all they need, each behind what it needs.
 */
export function loadOrder(dependencies: string, wanted: readonly string[] = MODULES): readonly string[] {
  const needs = new Map(
    dependencies.split("\n").map((line) => {
      const [path = "", rest = ""] = line.split(":");
      return [path, rest.trim().split(" ").filter(Boolean).reverse()] as const;
    }),
  );
  const order = new Set<string>();
  for (const name of wanted) {
    const path = [...needs.keys()].find((key) => basename(key).replace(/\.ko(\.xz)?$/, "") === name);
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    for (const needed of [...(needs.get(path) ?? []), path]) order.add(needed);
  }
  return [...order];
}
