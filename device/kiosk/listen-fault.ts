import { CanteenError, systemCode } from "../platform/errors.ts";

/**
 * Why the kiosk's address cannot be listened on, for the person who starts the terminal.
 * @returns a CanteenError `port-in-use`, `port-not-allowed` or `address-unavailable`; any other cause as it is.
 */
export function listenFault(cause: unknown, { host, port }: { host: string; port: number }): unknown {
  const problem = LISTEN_PROBLEMS[systemCode(cause) ?? ""];
  if (problem === undefined) return cause;
  return new CanteenError(`cannot listen on ${host}:${port}`, { ...problem, retry: "after-operator", cause });
}

const LISTEN_PROBLEMS: Readonly<Record<string, { code: string; hint: { zh: string; en: string } }>> = {
  EADDRINUSE: {
    code: "port-in-use",
    hint: {
      zh: "端口已被占用：终端可能已经在运行，或请修改配置 kiosk.port",
      en: "The port is taken: the terminal may run already, or set another kiosk.port",
    },
  },
  EACCES: {
    code: "port-not-allowed",
    hint: {
      zh: "没有权限使用这个端口，请把 kiosk.port 设为 1024 以上",
      en: "This port is not allowed: set kiosk.port above 1024",
    },
  },
  EADDRNOTAVAIL: {
    code: "address-unavailable",
    hint: {
      zh: "本机没有这个地址，请检查配置 kiosk.host",
      en: "This machine has no such address: check kiosk.host",
    },
  },
};
