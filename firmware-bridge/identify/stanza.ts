import type { SerialSettings } from "../ports/dialect.ts";
import type { Alike, Identified } from "./rank.ts";

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
  return `devices:\n${caution}${alikeComment(found)}  - id: ${kind}-1\n${keys.map((key) => `    ${key}\n`).join("")}`;
}

/** For whoever reads the file later: what else it might have been. */
function alikeComment({ alike }: Identified): string {
  if (alike.length === 0) return "";
  return `  # fits as well: ${alike.map(spelled).join(", ")}; compare with the display\n`;
}

/** @returns the other protocol, with its options and what it reads: `yaohua-eq {"digits":"forward"} 3.000 kg`. */
export function spelled({ protocol, options, sample }: Alike): string {
  const chosen = Object.keys(options).length === 0 ? "" : ` ${JSON.stringify(options)}`;
  const value = sample.type === "weight" ? ` ${sample.value ?? "-"} ${sample.unit ?? ""}`.trimEnd() : "";
  return `${protocol}${chosen}${value}`;
}

const serialKey = ({ baudRate, dataBits, parity, stopBits }: SerialSettings): string =>
  `serial: { baudRate: ${baudRate}, dataBits: ${dataBits}, parity: ${parity}, stopBits: ${stopBits} }`;
