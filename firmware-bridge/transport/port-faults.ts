import { BridgeFault, type FaultHint } from "../ports/fault.ts";

const HINTS = {
  "port-missing": {
    zh: "找不到设备：请检查数据线和电源。",
    en: "The device is not there: check its cable and power.",
  },
  "port-permission": {
    zh: "没有权限打开端口：请把运行用户加入 dialout 组。",
    en: "No permission for the port: add the service's user to the dialout group.",
  },
  "port-busy": {
    zh: "端口被另一个程序占用：请先关闭它。",
    en: "Another program is using the port: close it first.",
  },
  "port-refused": {
    zh: "串口服务器拒绝连接：请检查地址和端口号。",
    en: "The serial gateway refuses: check its address and port.",
  },
  "port-lost": {
    zh: "设备已断开：请检查数据线，恢复后会自动重连。",
    en: "The device went away: check the cable; it reconnects by itself.",
  },
  "port-fault": {
    zh: "端口出错：请拔下再插上设备。",
    en: "The port failed: unplug the device and plug it in again.",
  },
  "port-flood": {
    zh: "设备不停地发送大量数据：请检查波特率和接线，或重启设备。",
    en: "The device sends without end: check baud rate and wiring, or restart the device.",
  },
  "port-name": {
    zh: "端口名称写法不对：请检查配置。",
    en: "The port's name is not understood: check the configuration.",
  },
  "gateway-settings": {
    zh: "串口服务器不接受串口参数：请在串口服务器上设置，并在端口名称中去掉 rfc2217:。",
    en: "The gateway does not take serial settings: set them at the gateway and leave rfc2217: out of the port's name.",
  },
  "write-stalled": {
    zh: "设备不接收数据：请检查接线和流控设置。",
    en: "The device takes no data: check wiring and flow control.",
  },
} as const satisfies Record<string, FaultHint>;

export type PortFaultCode = keyof typeof HINTS;

/** What goes on until somebody acts; the line tries again all the same, so that nobody needs to restart it. */
const AFTER_OPERATOR: ReadonlySet<PortFaultCode> = new Set([
  "port-permission",
  "port-busy",
  "port-flood",
  "port-name",
  "gateway-settings",
]);

/** @param message  for engineers, with the port's name. */
export function portFault(code: PortFaultCode, message: string, cause?: unknown): BridgeFault {
  const retry = AFTER_OPERATOR.has(code) ? "after-operator" : "backoff";
  return new BridgeFault(message, { code, retry, hint: HINTS[code], cause });
}

/** True when the device itself is away: unplugged, switched off, or its gateway is. */
export function isDeviceGone(error: unknown): boolean {
  return error instanceof BridgeFault && ["port-missing", "port-lost", "port-refused"].includes(error.code);
}

const CODE_OF_SYSTEM_ERROR: readonly (readonly [pattern: RegExp, code: PortFaultCode])[] = [
  [/ENOENT|ENODEV|ENXIO|No such (?:file|device)/i, "port-missing"],
  [/EACCES|EPERM|permission denied/i, "port-permission"],
  [/EBUSY|EAGAIN|cannot lock|temporarily unavailable|busy/i, "port-busy"],
  [/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN/i, "port-refused"],
  [/ECONNRESET|EPIPE|EIO|disconnected/i, "port-lost"],
];

/** @returns the fault that a system's or a library's error means; they differ in code and message only. */
export function faultOf(error: unknown, label: string): BridgeFault {
  if (error instanceof BridgeFault) return error;
  const text =
    error instanceof Error ? `${"code" in error ? String(error.code) : ""} ${error.message}` : String(error);
  const code = CODE_OF_SYSTEM_ERROR.find(([pattern]) => pattern.test(text))?.[1] ?? "port-fault";
  return portFault(code, `${label}: ${text.trim()}`, error);
}
