import type { SerialSettings } from "../ports/dialect.ts";
import type { Identified } from "./rank.ts";

/** Dialects of lines that several devices share: the entry names the line, and who hangs on it is added by hand. */
const KIND_OF_LINE: Readonly<Record<string, string>> = {
  "modbus-rtu": "modbus-bus",
  "modbus-temp": "modbus-bus",
  ds2480b: "onewire-bus",
};

/** @returns the entry for `devices` of the configuration file, as YAML; accepted there as it is. */
export function configStanza(port: string, found: Identified): string {
  const lineKind = KIND_OF_LINE[found.protocol];
  const kind = lineKind ?? (found.device === "bus" ? "modbus-bus" : found.device);
  const isShared = lineKind !== undefined || found.device === "bus";
  const options =
    Object.keys(found.options).length === 0 ? [] : [`options: ${JSON.stringify(found.options)}`];
  const keys = [
    `kind: ${kind}`,
    `port: ${JSON.stringify(port)}`,
    ...(isShared ? [] : [`protocol: ${found.protocol}`]),
    ...(found.settings === null ? [] : [serialKey(found.settings)]),
    ...(isShared ? ["probes: []"] : options),
  ];
  const caution = found.caution === null ? "" : `  # ${found.caution}\n`;
  return `devices:\n${caution}  - id: ${kind}-1\n${keys.map((key) => `    ${key}\n`).join("")}`;
}

const serialKey = ({ baudRate, dataBits, parity, stopBits }: SerialSettings): string =>
  `serial: { baudRate: ${baudRate}, dataBits: ${dataBits}, parity: ${parity}, stopBits: ${stopBits} }`;
