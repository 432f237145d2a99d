import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** Where Debian keeps PostgreSQL's programs; for `hasTool`. */
export const INITDB = "/usr/lib/postgresql/*/bin/initdb";

export interface PostgresServer {
  /** The folder of its socket: what its clients call its host. It listens nowhere else. */
  readonly host: string;
  readonly pid: number;
  close(): Promise<void>;
}

/**
 * A PostgreSQL of its own in a temporary folder, on a socket there. It refuses to run as root: then it runs as the
 * user that its package has made.
 *
 * @param settings as in postgresql.conf.
 */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const [initdb = ""] = globSync(INITDB);
  const folder = mkdtempSync(join(tmpdir(), "canteen-postgres-"));
  const user = process.getuid?.() === 0 ? idsOf("postgres") : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const how = { ...user, cwd: folder };
  execFileSync(
    initdb,
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    {
      ...how,
      stdio: "ignore",
    },
  );
  const options = ["listen_addresses=", `unix_socket_directories=${folder}`, ...settings];
  const child = spawn(
    join(dirname(initdb), "postgres"),
    ["-D", data, ...options.flatMap((option) => ["-c", option])],
    { ...how, stdio: ["ignore", "ignore", "pipe"] },
  );
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes("ready to accept connections")) break;
  }
  child.stderr.resume();
  if (child.exitCode !== null) throw new Error("PostgreSQL ended before it was ready");
  return {
    host: folder,
    pid: child.pid ?? 0,
    close: async () => {
      // "Fast shutdown": whoever is connected is cut off.
      child.kill("SIGINT");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
