import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { silentLogger } from "../../platform/logger.ts";
import { createEmbeddedBroker, type EmbeddedBroker } from "../embedded-broker.ts";

/** A broker for the contract suite; the same tests run on each kind. */
export interface TestBroker {
  readonly port: number;
  stop(): Promise<void>;
  /** Starts again on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface TestBrokerOptions {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TestCertificates;
  /** mosquitto only: rules as in its acl_file. */
  readonly acl?: string;
  /** mosquitto only: it writes nothing about what passes, for measuring. */
  readonly isQuiet?: boolean;
  /** mosquitto only: further lines of its configuration. */
  readonly lines?: readonly string[];
}

export interface MosquittoBroker extends TestBroker {
  /** Of the process that runs now. */
  pid(): number;
}

export interface TestCertificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A folder that goes with the test. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "canteen-sync-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** An authority and a server certificate for 127.0.0.1, made by openssl. */
export function makeCertificates(folder: string, name: string): TestCertificates {
  const file = (suffix: string): string => join(folder, `${name}-${suffix}`);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-subj",
    `/CN=${name} CA`,
  );
  openssl("req", ...key, "-keyout", file("key.pem"), "-out", file("csr.pem"), "-subj", "/CN=127.0.0.1");
  writeFileSync(file("ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  openssl(
    ...["x509", "-req", "-in", file("csr.pem"), "-CA", file("ca.pem"), "-CAkey", file("ca.key")],
    ...["-CAcreateserial", "-extfile", file("ext"), "-out", file("cert.pem"), "-days", "2"],
  );
  return { caFile: file("ca.pem"), certFile: file("cert.pem"), keyFile: file("key.pem") };
}

export async function startAedes(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { username, password, tls } = options;
  const broker: EmbeddedBroker = createEmbeddedBroker({
    port: await freePort(),
    logger: silentLogger,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined
      ? {}
      : { tls: { certPem: readFileSync(tls.certFile, "utf8"), keyPem: readFileSync(tls.keyFile, "utf8") } }),
  });
  const port = await broker.start();
  return {
    port,
    stop: () => broker.stop(),
    restart: async () => void (await broker.start()),
    close: () => broker.close(),
  };
}

export async function startMosquitto(options: TestBrokerOptions = {}): Promise<MosquittoBroker> {
  const folder = temporaryFolder();
  const port = await freePort();
  const configFile = join(folder.path, "mosquitto.conf");
  writeFileSync(configFile, mosquittoConfig(folder.path, port, options));
  const isQuiet = options.isQuiet ?? false;
  let child = await spawnMosquitto(configFile, isQuiet);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  return {
    port,
    pid: () => child.pid ?? 0,
    stop,
    restart: async () => {
      child = await spawnMosquitto(configFile, isQuiet);
    },
    close: async () => {
      await stop();
      folder.remove();
    },
  };
}

function mosquittoConfig(folder: string, port: number, options: TestBrokerOptions): string {
  const { username, password, tls, acl } = options;
  const lines = [`listener ${port} 127.0.0.1`, "user root", "persistence false", "set_tcp_nodelay true"];
  if (options.isQuiet) lines.push("connection_messages false");
  lines.push(...(options.lines ?? []));
  if (username === undefined) {
    lines.push("allow_anonymous true");
  } else {
    const file = join(folder, "passwords");
    execFileSync("mosquitto_passwd", ["-b", "-c", file, username, password ?? ""], { stdio: "ignore" });
    lines.push("allow_anonymous false", `password_file ${file}`);
  }
  if (tls !== undefined) lines.push(`certfile ${tls.certFile}`, `keyfile ${tls.keyFile}`);
  if (acl !== undefined) {
    const file = join(folder, "acl");
    writeFileSync(file, acl);
    lines.push(`acl_file ${file}`);
  }
  return `${lines.join("\n")}\n`;
}

async function spawnMosquitto(configFile: string, isQuiet: boolean): Promise<ChildProcess> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const child = spawn("mosquitto", [...(isQuiet ? [] : ["-v"]), "-c", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: path },
  });
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    if (line.includes("running")) {
      child.stderr.resume();
      return child;
    }
  }
  throw new Error("mosquitto ended before it was running");
}

/** Below those that a system gives to whoever asks for any port: what is free here stays free until it is taken. */
const PORTS = { from: 20_000, count: 1500 } as const;
/** Test files that run at the same time, and what they start, have ports of their own: one may leave its port for a while. */
const SLOTS = 8;
const slot = Number(process.env["VITEST_POOL_ID"] ?? process.pid) % SLOTS;
let portsTried = process.pid * 64;

/** A free port, for what cannot be asked for port 0, or comes back at the port that it had. */
export async function freePort(): Promise<number> {
  for (let left = PORTS.count; left > 0; left--) {
    const port = PORTS.from + slot * PORTS.count + (portsTried++ % PORTS.count);
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}
