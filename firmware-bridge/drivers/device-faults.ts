import { BridgeFault, type FaultHint } from "../ports/fault.ts";

const HINTS = {
  "device-silent": {
    zh: "设备没有数据：请检查电源、数据线、输出方式和波特率。",
    en: "The device says nothing: check its power, cable, output mode and baud rate.",
  },
  "device-unreadable": {
    zh: "收到的数据无法识别：请检查波特率和协议设置。",
    en: "What arrives makes no sense: check baud rate and protocol.",
  },
  "device-checksums": {
    zh: "数据经常出错：请检查接线、接地和波特率。",
    en: "Many frames are damaged: check wiring, earth and baud rate.",
  },
  "device-fault": {
    zh: "设备报告故障：请按设备说明书处理。",
    en: "The device reports a fault: see its manual.",
  },
  "device-not-zeroed": {
    zh: "秤未置零：请清空秤盘后按置零键。",
    en: "The scale is not zeroed: empty the pan and press zero.",
  },
  "device-unfitting": {
    zh: "设备的应答长度不符：请检查寄存器设置，并确认没有两个设备用同一地址。",
    en: "The answer has another length: check the registers, and that no two devices share the address.",
  },
  "device-exception": {
    zh: "设备拒绝请求：请检查地址和寄存器设置。",
    en: "The device refuses the request: check its address and register settings.",
  },
  "relay-stuck": {
    zh: "继电器没有动作：请检查模块电源和地址，或更换模块。",
    en: "The relay did not switch: check the module's power and address, or replace it.",
  },
  "bus-short": {
    zh: "温度探头线路短路：请检查接线。",
    en: "The probes' wires are shorted: check the wiring.",
  },
  "bus-empty": {
    zh: "线路上没有温度探头：请检查接线和插头。",
    en: "There is no probe on the line: check wires and plugs.",
  },
  "probe-fault": {
    zh: "温度探头故障：请检查探头接线。",
    en: "The probe is faulty: check its wiring.",
  },
} as const satisfies Record<string, FaultHint>;

export type DeviceFaultCode = keyof typeof HINTS;

/** @param hint  where more is known than the code says. */
export function deviceFault(code: DeviceFaultCode, message: string, hint?: FaultHint): BridgeFault {
  return new BridgeFault(message, { code, retry: "after-operator", hint: hint ?? HINTS[code] });
}
