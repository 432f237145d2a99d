import type { CabinetParts } from "./cabinet-schema.ts";
import type { DeviceParts } from "./device-schema.ts";
import type { SampleParts } from "./sample-schema.ts";

/** The values that rules between keys look at; what is missing or invalid by itself is left out. */
export interface ConfigParts {
  readonly activation?: "touch" | "presence" | undefined;
  readonly menuItemCount?: number | undefined;
  /** By their place in the file; an entry with no valid key is an empty object. */
  readonly periods: readonly PeriodParts[];
  readonly limits: {
    readonly perChargeFenMax?: number | undefined;
    readonly perDayFenMax?: number | undefined;
  };
  readonly mqtt: {
    readonly url?: string | undefined;
    readonly username?: string | undefined;
    readonly passwordFile?: string | undefined;
    readonly caFile?: string | undefined;
    readonly reconnectWaitMsMin?: number | undefined;
    readonly reconnectWaitMsMax?: number | undefined;
  };
  readonly security: {
    readonly siteKeyFile?: string | undefined;
    readonly shareTemplates?: boolean | undefined;
  };
  readonly devices: readonly DeviceParts[];
  readonly goodsScales: readonly { readonly id: string; readonly minG: number; readonly maxG: number }[];
  readonly cabinets: readonly CabinetParts[];
  readonly samples: SampleParts;
}

export interface PeriodParts {
  readonly id?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly pricing?: { readonly kind: "fixed" | "menu" | "keyed" } | undefined;
}

export interface Contradiction {
  readonly path: readonly (string | number)[];
  readonly reason: { readonly zh: string; readonly en: string };
  readonly input: unknown;
}

/**
 * What each value allows but their combination does not. It takes parts, not a whole configuration, so that one
 * mistyped key elsewhere does not hide a contradiction until the next start.
 */
export function contradictions(parts: ConfigParts): Contradiction[] {
  return [
    ...parts.periods.flatMap((period, index) => periodContradictions(parts, period, index)),
    ...limitContradictions(parts.limits),
    ...mqttContradictions(parts.mqtt),
    ...securityContradictions(parts.security),
    ...deviceContradictions(parts.devices),
    ...goodsScaleContradictions(parts),
    ...cabinetContradictions(parts),
    ...sampleContradictions(parts),
  ];
}

function periodContradictions(parts: ConfigParts, period: PeriodParts, index: number): Contradiction[] {
  const found: Contradiction[] = [];
  const path = ["servingLine", "mealPlan", "periods", index] as const;
  const { from, to, pricing } = period;
  if (from !== undefined && to !== undefined && minuteOfDay(from) >= minuteOfDay(to)) {
    const reason = { zh: `必须晚于 from（${from}）`, en: `must be after from (${from})` };
    found.push({ path: [...path, "to"], reason, input: to });
  }
  if (pricing?.kind === "menu" && parts.menuItemCount === 0) {
    const reason = {
      zh: "按菜单计价时 mealPlan.menu 不能为空",
      en: "menu pricing needs items in mealPlan.menu",
    };
    found.push({ path: [...path, "pricing"], reason, input: pricing });
  }
  if (parts.activation === "presence" && pricing !== undefined && pricing.kind !== "fixed") {
    const reason = {
      zh: "presence（刷脸即付）只能用于固定价格餐次，因为没有人确认金额",
      en: "activation presence is for fixed-price meals only: nobody confirms the amount",
    };
    found.push({ path: [...path, "pricing"], reason, input: pricing });
  }
  return [...found, ...overlapContradictions(parts.periods.slice(0, index), period, path)];
}

function overlapContradictions(
  earlier: readonly PeriodParts[],
  period: PeriodParts,
  path: readonly (string | number)[],
): Contradiction[] {
  const found: Contradiction[] = [];
  for (const [index, other] of earlier.entries()) {
    if (period.id !== undefined && other.id === period.id) {
      const reason = {
        zh: `与第 ${index + 1} 个餐次的 id 重复`,
        en: `is also the id of period ${index + 1}`,
      };
      found.push({ path: [...path, "id"], reason, input: period.id });
    }
    if (overlaps(other, period)) {
      const name = other.id ?? String(index + 1);
      const reason = { zh: `与餐次 ${name} 时间重叠`, en: `overlaps period ${name}` };
      found.push({ path: [...path, "from"], reason, input: period.from });
    }
  }
  return found;
}

function overlaps(a: PeriodParts, b: PeriodParts): boolean {
  if (a.from === undefined || a.to === undefined || b.from === undefined || b.to === undefined) return false;
  return minuteOfDay(a.from) < minuteOfDay(b.to) && minuteOfDay(b.from) < minuteOfDay(a.to);
}

function limitContradictions(limits: ConfigParts["limits"]): Contradiction[] {
  const { perChargeFenMax, perDayFenMax } = limits;
  if (perChargeFenMax === undefined || perDayFenMax === undefined || perChargeFenMax <= perDayFenMax)
    return [];
  const reason = {
    zh: `大于 perDayFenMax（${perDayFenMax}）`,
    en: `is more than perDayFenMax (${perDayFenMax})`,
  };
  return [{ path: ["servingLine", "limits", "perChargeFenMax"], reason, input: perChargeFenMax }];
}

function mqttContradictions(mqtt: ConfigParts["mqtt"]): Contradiction[] {
  const found: Contradiction[] = [];
  const say = (key: string, input: unknown, zh: string, en: string): void => {
    found.push({ path: ["mqtt", key], reason: { zh, en }, input });
  };
  if (mqtt.passwordFile !== undefined && mqtt.username === undefined) {
    say("passwordFile", mqtt.passwordFile, "需要同时设置 mqtt.username", "needs mqtt.username");
  }
  if (mqtt.caFile !== undefined && mqtt.url !== undefined && !/^(mqtts|wss):/.test(mqtt.url)) {
    say("caFile", mqtt.caFile, "需要 mqtts 或 wss 地址", "needs an mqtts or wss url");
  }
  if (mqtt.url !== undefined && hasCredentials(mqtt.url)) {
    say(
      "url",
      "(removed)",
      "不要把用户名或密码写在地址里，请用 username 和 passwordFile",
      "may not hold a user name or password: use username and passwordFile",
    );
  }
  const { reconnectWaitMsMin: min, reconnectWaitMsMax: max } = mqtt;
  if (min !== undefined && max !== undefined && min > max) {
    say(
      "reconnectWaitMsMin",
      min,
      `大于 reconnectWaitMsMax（${max}）`,
      `is more than reconnectWaitMsMax (${max})`,
    );
  }
  return found;
}

function hasCredentials(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && (parsed.username !== "" || parsed.password !== "");
}

function securityContradictions(security: ConfigParts["security"]): Contradiction[] {
  if (security.shareTemplates !== true || security.siteKeyFile !== undefined) return [];
  const reason = { zh: "需要同时设置 security.siteKeyFile", en: "needs security.siteKeyFile" };
  return [{ path: ["security", "shareTemplates"], reason, input: true }];
}

/** A name is told twice, or two programs' worth of readers would share one port and steal each other's bytes. */
function deviceContradictions(devices: readonly DeviceParts[]): Contradiction[] {
  const found: Contradiction[] = [];
  const portOwners = new Map<string, number>();
  const nameOwners = new Map<string, number>();
  for (const [index, { id, port, names }] of devices.entries()) {
    const owner = port === undefined ? undefined : portOwners.get(port);
    if (owner !== undefined) {
      const reason = {
        zh: `与第 ${owner + 1} 个设备用同一个端口；RS-485 上的多个设备写成一个 modbus-bus`,
        en: `is also the port of device ${owner + 1}; several devices on RS-485 are one modbus-bus`,
      };
      found.push({ path: ["devices", index, "port"], reason, input: port });
    }
    if (port !== undefined && owner === undefined) portOwners.set(port, index);
    for (const name of [...(id === undefined ? [] : [id]), ...names]) {
      const other = nameOwners.get(name);
      if (other !== undefined) {
        const reason = {
          zh: `名称 ${name} 在第 ${other + 1} 个设备中已使用`,
          en: `the name ${name} is used in device ${other + 1} already`,
        };
        found.push({ path: ["devices", index, "id"], reason, input: name });
      } else nameOwners.set(name, index);
    }
  }
  return found;
}

function goodsScaleContradictions({ goodsScales, devices }: ConfigParts): Contradiction[] {
  return goodsScales.flatMap(({ id, minG, maxG }, index) => {
    const found: Contradiction[] = [];
    const path = ["receiving", "scales", index] as const;
    if (!devices.some((device) => device.id === id)) {
      const reason = { zh: `devices 中没有名为 ${id} 的秤`, en: `there is no scale ${id} in devices` };
      found.push({ path: [...path, "id"], reason, input: id });
    }
    if (minG >= maxG) {
      const reason = { zh: `必须小于 maxG（${maxG}）`, en: `must be less than maxG (${maxG})` };
      found.push({ path: [...path, "minG"], reason, input: minG });
    }
    return found;
  });
}

/** A cabinet that names a probe which is nowhere would be watched by nobody; one probe has one cabinet. */
function cabinetContradictions({ cabinets, devices }: ConfigParts): Contradiction[] {
  const names = new Set(devices.flatMap(({ id, names }) => [...(id === undefined ? [] : [id]), ...names]));
  const owners = new Map<string, number>();
  return cabinets.flatMap((cabinet, index) => {
    const found: Contradiction[] = [];
    const path = ["cabinets", index] as const;
    if (cabinet.id !== undefined && cabinets.slice(0, index).some(({ id }) => id === cabinet.id)) {
      const reason = { zh: `与前面的留样柜 id 重复`, en: "is also the id of a cabinet before" };
      found.push({ path: [...path, "id"], reason, input: cabinet.id });
    }
    for (const [at, { probe, lowMilliC = 0, highMilliC = 0 }] of cabinet.probes.entries()) {
      const place = [...path, "probes", at];
      if (probe !== undefined && owners.has(probe)) {
        const reason = { zh: `探头 ${probe} 已用于另一处`, en: `the probe ${probe} is used before` };
        found.push({ path: [...place, "probe"], reason, input: probe });
      }
      if (probe !== undefined) owners.set(probe, index);
      if (lowMilliC >= highMilliC) {
        const reason = { zh: "必须低于 highMilliC", en: "must be below highMilliC" };
        found.push({ path: [...place, "lowMilliC"], reason, input: lowMilliC });
      }
    }
    const named = [
      ...cabinet.probes.map(({ probe }, at) => [["probes", at, "probe"], probe] as const),
      [["door", "input"], cabinet.input] as const,
      [["relay"], cabinet.relay] as const,
    ];
    for (const [keys, name] of named) {
      if (name === undefined || names.has(name)) continue;
      const reason = { zh: `devices 中没有 ${name}`, en: `there is no ${name} in devices` };
      found.push({ path: [...path, ...keys], reason, input: name });
    }
    return found;
  });
}

/** A scale that is nowhere, or that cannot weigh the least sample, would be found out when the first dish is to be sampled. */
function sampleContradictions({ samples, devices, goodsScales }: ConfigParts): Contradiction[] {
  const { scale, gramsMin = 0, gramsMax = Number.POSITIVE_INFINITY, containers = [] } = samples;
  const found: Contradiction[] = [];
  const say = (key: keyof SampleParts, zh: string, en: string): void => {
    found.push({ path: ["samples", key], reason: { zh, en }, input: samples[key] });
  };
  if (gramsMin > gramsMax)
    say("gramsMin", `大于 gramsMax（${gramsMax}）`, `is more than gramsMax (${gramsMax})`);
  if (scale === undefined) return found;
  const device = devices.find(({ id }) => id === scale);
  if (device?.kind !== "scale") {
    say("scale", `devices 中没有名为 ${scale} 的秤`, `there is no scale ${scale} in devices`);
    return found;
  }
  const grossG = gramsMin + Math.max(0, ...containers.map(({ tareG }) => tareG));
  if (device.capacityG !== undefined && device.capacityG < grossG)
    say(
      "scale",
      `${scale} 最大称量 ${device.capacityG} g，装不下 ${grossG} g 的样品和留样盒`,
      `${scale} carries at most ${device.capacityG} g; a sample in the heaviest container is ${grossG} g`,
    );
  const goods = goodsScales.find(({ id }) => id === scale);
  if (goods !== undefined && goods.minG > gramsMin)
    say(
      "scale",
      `${scale} 最小称量 ${goods.minG} g，不能称 ${gramsMin} g 的样品`,
      `${scale} weighs from ${goods.minG} g on; a sample has ${gramsMin} g`,
    );
  return found;
}

/** "11:30" is 690. */
export function minuteOfDay(time: string): number {
  const [hours = "0", minutes = "0"] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}
