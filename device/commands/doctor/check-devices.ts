import type { BridgeDevice } from "../../../firmware-bridge/ports/device-state.ts";
import type { ThermometerReading } from "../../../firmware-bridge/ports/thermometer.ts";
import type { DeviceConfig } from "../../config/device-schema.ts";
import type { Hint } from "../../platform/errors.ts";
import { type ConfiguredDevice, makeDevice, partsOf } from "../../terminal-devices.ts";
import { type Check, type Finding, failed, ok, type Subject } from "./check.ts";

/** Longer than the pause between two readings of any scale, and than two time-outs of a few Modbus probes. */
const LISTEN_MS = 4000;

const TITLE_OF_KIND: Readonly<Record<DeviceConfig["kind"], Hint>> = {
  scale: { zh: "秤", en: "scale" },
  thermometer: { zh: "温度计", en: "thermometer" },
  scanner: { zh: "扫码枪", en: "scanner" },
  "card-reader": { zh: "读卡器", en: "card reader" },
  "modbus-bus": { zh: "RS-485 总线", en: "RS-485 line" },
  "onewire-bus": { zh: "1-Wire 总线", en: "1-Wire line" },
};

/** One check for each configured device: it opens, and what it says within a few seconds. */
export function deviceChecks({ config, clock, entropy }: Subject): readonly Check[] {
  return config.devices.map((device) => {
    const { zh, en } = TITLE_OF_KIND[device.kind];
    return {
      id: `device-${device.id}`,
      title: { zh: `${zh} ${device.id}`, en: `${en} ${device.id}` },
      run: async (_subject, signal) => {
        const made = makeDevice(device, { clock, entropy });
        return listen(made, signal, (ms) => new Promise<void>((resolve) => clock.after(ms, () => resolve())));
      },
    };
  });
}

async function listen(
  device: ConfiguredDevice,
  signal: AbortSignal,
  pause: (waitMs: number) => Promise<unknown>,
): Promise<Finding> {
  const heard = hearing(device);
  const parts = partsOf(device);
  const opened = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  for (const part of parts) part.open({ signal: opened.signal });
  await Promise.race([heard.enough, pause(LISTEN_MS), stopped]);
  const finding = findingOf(parts, heard.said());
  opened.abort();
  await Promise.all(parts.map((part) => part.close()));
  return finding;
}

function findingOf(parts: readonly BridgeDevice[], said: Hint | null): Finding {
  for (const part of parts) {
    const state = part.state();
    if (state.kind === "lost" || state.kind === "faulty")
      return failed(
        { zh: `${part.label}：不能使用（${state.fault.code}）`, en: state.fault.message },
        state.fault.hint,
      );
    if (state.kind !== "live" && said === null)
      return failed(
        { zh: `${part.label}：没有收到读数`, en: `${part.label}: no reading came` },
        { zh: "请检查电源、数据线和输出方式。", en: "Check its power, cable and output mode." },
      );
  }
  const label = parts[0]?.label ?? "";
  return ok(`${label}，${said?.zh ?? "端口已打开"}`, `${label}, ${said?.en ?? "the port opens"}`);
}

interface Hearing {
  /** Resolves when there is nothing more to wait for. */
  readonly enough: Promise<void>;
  said(): Hint | null;
}

/** A card and a code are personal: of them only is said that something came. */
function hearing(device: ConfiguredDevice): Hearing {
  let said: Hint | null = null;
  const enough = new Promise<void>((resolve) => {
    const say = (text: Hint): void => {
      said = text;
      resolve();
    };
    switch (device.kind) {
      case "scale":
        device.scale.onReading(({ value, unit, stable, overload }) => {
          const weight = overload ? "OL" : value === null ? "–" : `${value} ${unit ?? ""}`;
          say({ zh: `${weight}${stable ? "，稳定" : ""}`, en: `${weight}${stable ? ", stable" : ""}` });
        });
        return;
      case "scanner":
        device.scanner.onScan(() => say({ zh: "收到一个条码", en: "a code came" }));
        return;
      case "card-reader":
        device.reader.onCard(() => say({ zh: "收到一张卡", en: "a card came" }));
        return;
      case "thermometer":
      case "modbus-bus": {
        const probes = new Map<string, string>();
        device.thermometer.onReading((reading) => {
          // A second reading of the same probe: the round is over.
          const isRoundOver = probes.has(reading.probe);
          probes.set(reading.probe, textOf(reading));
          const all = [...probes].map(([probe, text]) => `${probe} ${text}`).join(", ");
          said = { zh: all, en: all };
          if (isRoundOver) resolve();
        });
      }
    }
  });
  return { enough, said: () => said };
}

const textOf = ({ celsius, fault }: ThermometerReading): string =>
  celsius === null ? `✗ ${fault}` : `${celsius} °C`;
