import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { withSystemFolders } from "../../test/require-tool.ts";

export interface ClusterNode {
  readonly name: string;
  /** Of MQTT, on loopback. */
  readonly port: number;
  isUp(): boolean;
  /** As by kill -9; what it had stays on its disk. */
  kill(): Promise<void>;
  start(): void;
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** Resolves when every node that is up takes a session and a message. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const TRY_AGAIN_MS = 300;

/** Three NATS servers on this machine, with each MQTT session and message kept by all three (JetStream, R3). */
export async function startNatsCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-cluster-"));
  const ports = await Promise.all(
    [1, 2, 3].map(async (number) => ({
      ...{ name: `n${number}`, client: await freePort(), route: await freePort(), mqtt: await freePort() },
    })),
  );
  const routes = ports.map(({ route }) => `"nats-route://127.0.0.1:${route}"`).join(", ");
  const nodes = ports.map(({ name, client, route, mqtt: port }) => {
    const file = join(folder, `${name}.conf`);
    writeFileSync(
      file,
      `server_name: ${name}
listen: "127.0.0.1:${client}"
jetstream { store_dir: "${join(folder, name)}" }
cluster { name: canteen, listen: "127.0.0.1:${route}", routes: [${routes}] }
mqtt { host: "127.0.0.1", port: ${port}, stream_replicas: 3, consumer_replicas: 3 }
`,
    );
    return nodeOf(name, port, file);
  });
  for (const node of nodes) node.start();
  return {
    nodes,
    ready: async () => {
      for (const node of nodes) if (node.isUp()) await takesMessages(node.port);
    },
    close: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nodeOf(name: string, port: number, file: string): ClusterNode {
  let child: ChildProcess | null = null;
  return {
    name,
    port,
    isUp: () => child !== null && child.exitCode === null && child.signalCode === null,
    start: () => {
      child = spawn("nats-server", ["-c", file], { stdio: "ignore", env: withSystemFolders() });
    },
    kill: async () => {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** A cluster elects before it takes anything. */
async function takesMessages(port: number): Promise<void> {
  for (;;) {
    try {
      const options = {
        protocolVersion: 4,
        reconnectPeriod: 0,
        connectTimeout: 3000,
        clientId: `probe-${port}`,
      } as const;
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options, false);
      try {
        await client.subscribeAsync("probe/#", { qos: 1 });
        await client.publishAsync("probe/ready", "1", { qos: 1 });
        return;
      } finally {
        client.end(true);
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}
