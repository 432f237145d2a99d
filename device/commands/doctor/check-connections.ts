import { resolve } from "node:path";
import type { Config } from "../../config/schema.ts";
import { type Hint, systemCode } from "../../platform/errors.ts";
import { readCredentials } from "../../sync/broker-credentials.ts";
import type { LinkReason } from "../../sync/broker-failure.ts";
import { MqttConnection, type MqttVersion } from "../../sync/mqtt-connection.ts";
import { type Check, type Finding, failed, ok, type Subject, skipped } from "./check.ts";

const CONNECT_MS_MAX = 5000;

/** Signs in to the broker as the terminal would, under a name of its own: the terminal's session is not cut. */
export const brokerCheck: Check = {
  id: "broker",
  title: { zh: "MQTT 代理", en: "broker" },
  async run(subject) {
    const { url, protocolVersion } = subject.config.mqtt;
    const versions: readonly MqttVersion[] = protocolVersion === "auto" ? [5, 4] : [protocolVersion];
    let reason: LinkReason = "broker-unreachable";
    for (const version of versions) {
      const answer = await signIn(subject, version);
      if (answer.kind === "up") {
        const name = version === 5 ? "MQTT 5" : "MQTT 3.1.1";
        return ok(`${url}，${name}，登录成功`, `${url}, ${name}, signed in`);
      }
      reason = answer.reason;
      // A broker that closes at once may only not know this version.
      if (!answer.beforeConnack) break;
    }
    if (subject.demo && reason === "broker-unreachable") {
      return skipped("演示未运行，其代理也未运行", "the demo is not running, nor its broker");
    }
    return failed({ zh: `${url}：${reason}`, en: `${url}: ${reason}` }, brokerHint(reason));
  },
};

type SignInAnswer =
  | { readonly kind: "up" }
  | { readonly kind: "down"; readonly reason: LinkReason; readonly beforeConnack: boolean };

async function signIn({ config, clock, entropy }: Subject, version: MqttVersion): Promise<SignInAnswer> {
  const credentials = await readCredentials(config.mqtt);
  if (typeof credentials === "string") return { kind: "down", reason: credentials, beforeConnack: false };
  const name = Buffer.from(entropy.bytes(6)).toString("hex");
  return new Promise((settle) => {
    let up = false;
    const connection = new MqttConnection(
      {
        ...credentials,
        url: config.mqtt.url,
        version,
        clientId: `canteen-doctor-${name}`,
        keepAliveMs: config.mqtt.keepAliveMs,
        connectWaitMsMax: CONNECT_MS_MAX,
        ackWaitMsMax: CONNECT_MS_MAX,
        inFlightMax: 1,
        messageBytesMax: 1024,
        will: { topic: `canteen/v1/${config.site}/${config.device}/up/doctor`, payload: "", retain: false },
      },
      {
        onUp: () => {
          up = true;
          connection.disconnect();
        },
        onMessage: () => {},
        onDown: (down) => settle(up ? { kind: "up" } : { kind: "down", ...down }),
      },
      clock,
    );
  });
}

function brokerHint(reason: LinkReason): Hint {
  switch (reason) {
    case "broker-refused-password":
    case "password-file-unreadable":
      return {
        zh: "核对 mqtt.username 和 mqtt.passwordFile",
        en: "Compare mqtt.username and mqtt.passwordFile with the broker's.",
      };
    case "tls-untrusted":
    case "tls-failed":
    case "ca-file-unreadable":
      return {
        zh: "检查证书是否过期、主机名是否一致，以及 mqtt.caFile",
        en: "Check the certificate's date and host name, and mqtt.caFile.",
      };
    default:
      return {
        zh: "检查网络、mqtt.url 的主机和端口。没有网络时终端照常收款，恢复后自动上传",
        en: "Check the network and mqtt.url. Without it the terminal sells as usual and sends later.",
      };
  }
}

/** Whether this terminal runs, or something else has its port. */
export const terminalCheck: Check = {
  id: "terminal",
  title: { zh: "终端", en: "terminal" },
  async run({ config }, signal) {
    const { host, port } = config.kiosk;
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`;
    try {
      const response = await fetch(url, { signal });
      const health: unknown = await response.json();
      if (isHealth(health)) {
        const bad = Object.entries(health.parts).flatMap(([part, { status, reason }]) =>
          status === "ok" ? [] : [`${part} ${status}${reason ? ` (${reason})` : ""}`],
        );
        const rest = bad.length === 0 ? "" : `: ${bad.join(", ")}`;
        return health.status === "failed"
          ? failed(
              { zh: `正在运行，有故障${rest}`, en: `running, failed${rest}` },
              { zh: `打开 ${url}`, en: `See ${url}.` },
            )
          : ok(`正在运行${rest}`, `running${rest}`);
      }
    } catch (error) {
      if (systemCode(error instanceof Error ? error.cause : error) === "ECONNREFUSED") {
        return skipped(`未运行，端口 ${port} 空闲`, `not running, port ${port} is free`);
      }
    }
    return failed(
      { zh: `端口 ${port} 被其他程序占用`, en: `port ${port} is in use by another program` },
      { zh: `停止该程序，或修改 kiosk.port`, en: "Stop that program or change kiosk.port." },
    );
  },
};

interface Health {
  readonly status: string;
  readonly parts: Readonly<Record<string, { readonly status: string; readonly reason: string | null }>>;
}

function isHealth(answer: unknown): answer is Health {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "status" in answer &&
    typeof answer.status === "string" &&
    "parts" in answer &&
    typeof answer.parts === "object"
  );
}

/** The configuration itself was checked on the way here; this line says which one it was. */
export function configFinding(config: Config, file: string | null): Finding {
  return file === null
    ? ok("没有 canteen.yaml，检查演示", "no canteen.yaml here: checking the demo")
    : ok(
        `${resolve(file)}，${config.site}/${config.device}`,
        `${resolve(file)}, ${config.site}/${config.device}`,
      );
}
