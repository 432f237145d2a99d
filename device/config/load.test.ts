import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import type { ConfigProblem } from "./explain-issue.ts";
import { configKeys } from "./key-paths.ts";
import { checkConfig, configFingerprint, loadConfig, problemText, requireConfig } from "./load.ts";
import { configSchema } from "./schema.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string, name = "canteen.yaml"): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const MINIMAL = `site: demo
device: line-1
servingLine:
  mealPlan:
    periods:
      - id: lunch
        name: { zh: 午餐, en: Lunch }
        from: "11:00"
        to: "13:00"
        pricing: { kind: fixed, priceFen: 1200 }
`;

function problemsOf(text: string): readonly ConfigProblem[] {
  const load = loadConfig(write(text));
  return load.kind === "invalid" ? load.problems : [];
}

/** Path and English reason of each problem. */
function said(text: string): string[] {
  return problemsOf(text).map(({ path, reason, line }) => `${line} ${path}: ${reason.en}`);
}

function faultOf(run: () => unknown): CanteenError {
  try {
    run();
  } catch (error) {
    if (error instanceof CanteenError) return error;
    throw error;
  }
  throw new Error("did not throw");
}

describe("a valid configuration", () => {
  it("gets its defaults, absolute paths and a fingerprint, and is frozen throughout", () => {
    const load = loadConfig(write(`${MINIMAL}dataFolder: data\ncamera: { kind: folder, folder: photos }\n`));
    const config = requireConfig(load);
    expect(config.kiosk.port).toBe(8080);
    expect(config.dataFolder).toBe(join(folder, "data"));
    expect(config.camera).toMatchObject({ folder: join(folder, "photos") });
    expect(config.security.deviceKeyFile).toBe(join(folder, "data", "device.key"));
    expect(Object.isFrozen(config.servingLine.mealPlan.periods[0]?.name)).toBe(true);
    expect(load).toMatchObject({ migrated: null });
  });

  it("finds the models inside the program unless told otherwise", () => {
    const byDefault = requireConfig(loadConfig(write(MINIMAL)));
    expect(byDefault.face.modelsFolder).toBe(join(import.meta.dirname, "..", "..", "models", "artifacts"));
    const told = requireConfig(loadConfig(write(`${MINIMAL}face: { modelsFolder: weights }\n`)));
    expect(told.face.modelsFolder).toBe(join(folder, "weights"));
  });

  it("has another fingerprint when one value differs, and the same when only the order does", () => {
    const sha = (text: string): string => configFingerprint(requireConfig(loadConfig(write(text))));
    const reference = sha(MINIMAL);
    expect(reference).toMatch(/^[0-9a-f]{64}$/);
    expect(sha(MINIMAL.replace("site: demo\ndevice: line-1", "device: line-1\nsite: demo"))).toBe(reference);
    expect(sha(MINIMAL.replace("priceFen: 1200", "priceFen: 1201"))).not.toBe(reference);
  });
});

describe("a wrong configuration", () => {
  it("reports unknown keys, wrong units, wrong values and contradictions at once, with path, line and value", () => {
    const text = `site: Demo School
device: line-1
colour: red
kiosk:
  port: 99999
  prot: 8080
servingLine:
  activation: presence
  mealPlan:
    periods:
      - id: lunch
        name: { zh: 午餐, en: Lunch }
        from: "13:00"
        to: "11:00"
        pricing: { kind: fixed, priceYuan: 12 }
      - id: dinner
        name: { zh: 晚餐, en: Dinner }
        from: "17:00"
        to: "19:00"
        pricing: { kind: keyed, amountFenMax: 3000 }
  limits: { perChargeFenMax: 9000, perDayFenMax: 8000, perWeekFenMax: 1 }
mqtt:
  url: http://broker
  reconnectWaitMsMin: 5000
  reconnectWaitMsMax: 4000
`;
    expect(said(text).sort()).toEqual(
      [
        "1 site: lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
        "3 colour: unknown key",
        "5 kiosk.port: must be at most 65535",
        "6 kiosk.prot: unknown key; did you mean port?",
        "14 servingLine.mealPlan.periods[0].to: must be after from (13:00)",
        "15 servingLine.mealPlan.periods[0].pricing.priceFen: is required",
        "15 servingLine.mealPlan.periods[0].pricing.priceYuan: unknown key; did you mean priceFen?",
        "20 servingLine.mealPlan.periods[1].pricing: activation presence is for fixed-price meals only: nobody confirms the amount",
        "21 servingLine.limits.perChargeFenMax: is more than perDayFenMax (8000)",
        "21 servingLine.limits.perWeekFenMax: unknown key",
        "23 mqtt.url: an mqtt, mqtts, ws or wss URL",
        "24 mqtt.reconnectWaitMsMin: is more than reconnectWaitMsMax (4000)",
      ].sort(),
    );
    const port = problemsOf(text).find(({ path }) => path === "kiosk.port");
    expect(port).toMatchObject({ value: "99999", reason: { zh: "不能大于 65535" } });
    expect(port && problemText(port)).toBe(
      "第 5 行 kiosk.port = 99999：不能大于 65535 / line 5: must be at most 65535",
    );
  });

  it("is one fault that lists every problem when it is required", () => {
    const load = loadConfig(write(MINIMAL.replace("site: demo", "site: 7").replace("device:", "devise:")));
    const fault = faultOf(() => requireConfig(load));
    expect(fault).toMatchObject({ code: "config-invalid", retry: "after-operator" });
    expect(fault.message).toMatch(/3 problem\(s\)/);
    expect(fault.message).toMatch(/devise.*did you mean device/);
  });

  it.each([
    ["overlapping meals", 'to: "13:00"', 'to: "12:00"', "overlaps period lunch"],
    ["two meals of one id", "id: second", "id: lunch", "is also the id of period 1"],
    ["a time beyond the day", 'from: "12:30"', 'from: "25:30"', "a time of day"],
    ["a price below zero", "priceFen: 500", "priceFen: -1", "must be at least 0"],
    ["a price with a fraction", "priceFen: 500", "priceFen: 5.5", "must be a whole number"],
    ["a price as text", "priceFen: 500", 'priceFen: "500"', "must be a number"],
    ["menu pricing without a menu", "kind: fixed, priceFen: 500", "kind: menu", "menu pricing needs items"],
    ["an unknown pricing", "kind: fixed, priceFen: 500", "kind: free", "must be one of fixed | menu | keyed"],
    ["a zone that does not exist", "periods:", "zone: Asia/Xian\n    periods:", "IANA time zone"],
  ])("refuses %s", (_what, from, to, reason) => {
    const second = `      - id: second
        name: { zh: 加餐, en: Second }
        from: "12:30"
        to: "14:00"
        pricing: { kind: fixed, priceFen: 500 }
`;
    const valid = MINIMAL.replace('"13:00"', '"12:30"') + second;
    expect(said(valid)).toEqual([]);
    const changed = from === 'to: "13:00"' ? MINIMAL + second : valid.replace(from, to);
    expect(said(changed).join("\n")).toContain(reason);
  });

  it.each([
    ["passwordFile: pw", "needs mqtt.username"],
    ["caFile: ca.pem", "needs an mqtts or wss url"],
    ["url: mqtt://user:hunter2@broker", "may not hold a user name or password"],
    ["protocolVersion: 3", "must be one of auto | 4 | 5"],
  ])("refuses mqtt with %s", (line, reason) => {
    write("secret", "pw");
    write("pem", "ca.pem");
    const text = `${MINIMAL}mqtt:\n  ${line}\n`;
    expect(said(text)).toEqual([expect.stringContaining(reason)]);
    expect(JSON.stringify(problemsOf(text))).not.toContain("hunter2");
  });

  it("names a secret's file that is not there, relative to the configuration's folder", () => {
    const text = `${MINIMAL}mqtt:\n  username: a\n  passwordFile: secrets/pw\n`;
    expect(said(text)).toEqual(["13 mqtt.passwordFile: no such file, or not readable"]);
    mkdirSync(join(folder, "secrets"));
    write("pw", "secrets/pw");
    expect(said(text)).toEqual([]);
  });

  it("never shows the value of a key that looks like a secret", () => {
    const text = `${MINIMAL}mqtt:\n  password: hunter2\n  url: mqtt://u:hunter2@b\nsecurity: [{ pin: hunter2 }]\n`;
    const shown =
      JSON.stringify(problemsOf(text)) + faultOf(() => requireConfig(loadConfig(write(text)))).message;
    expect(shown).toContain("[removed]");
    expect(shown).not.toContain("hunter2");
  });

  it("cuts long values short", () => {
    expect(problemsOf(`${MINIMAL}x: ${"a".repeat(5000)}\n`)[0]?.value?.length).toBeLessThan(100);
  });
});

describe("a file that is no good YAML", () => {
  it.each([
    ["a duplicate key", "site: a\nsite: b\n", 2, /unique/],
    ["a tab as indentation", "kiosk:\n\tport: 1\n", 2, /[Tt]ab/],
    ["two documents", "site: a\n---\nsite: b\n", 2, /documents/],
    ["an unknown tag", "site: !!js/function x\n", 1, /tag/],
    ["an unclosed bracket", "site: [a\n", null, /./],
    ["a bad alias", "site: *nowhere\n", null, /alias/i],
  ])("is refused for %s with its line", (_what, text, line, reason) => {
    const [problem] = problemsOf(text);
    expect(problem?.reason.en).toMatch(reason);
    if (line !== null) expect(problem?.line).toBe(line);
  });

  it("is refused for an alias bomb before it is expanded", () => {
    const rows = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`);
    expect(said(`a0: &a0 [x]\n${rows.join("\n")}\n`)).toEqual([expect.stringContaining("too many aliases")]);
  });

  it("is refused for brackets nested without end", () => {
    expect(problemsOf("[".repeat(100_000)).length).toBeGreaterThan(0);
  });

  it("names what is required when the file is empty", () => {
    expect(said("").map((line) => line.replace(/^\S+ /, ""))).toEqual([
      "site: is required",
      "device: is required",
      "servingLine: is required",
    ]);
  });

  it("treats a list or a word in place of the keys as one problem", () => {
    expect(said("- a\n- b\n")).toEqual(["1 : must be a group of keys"]);
    expect(said("canteen")).toEqual(["1 : must be a group of keys"]);
  });

  it("does not let __proto__ in", () => {
    expect(said(`${MINIMAL}__proto__: { polluted: 1 }\n`)).toEqual([
      expect.stringContaining("__proto__: unknown key"),
    ]);
    expect(Object.prototype).not.toHaveProperty("polluted");
  });
});

describe("a file that cannot be read", () => {
  it("is a fault with a hint when it is missing, a folder, too large or not UTF-8", () => {
    expect(faultOf(() => loadConfig(join(folder, "none.yaml")))).toMatchObject({ code: "config-missing" });
    expect(faultOf(() => loadConfig(folder))).toMatchObject({ code: "config-unreadable" });
    expect(faultOf(() => loadConfig(write("#".repeat(1024 * 1024 + 1))))).toMatchObject({
      code: "config-unreadable",
    });
    writeFileSync(join(folder, "latin.yaml"), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    expect(faultOf(() => loadConfig(join(folder, "latin.yaml")))).toMatchObject({
      code: "config-unreadable",
    });
  });
});

describe("device/config/canteen.example.yaml", () => {
  const example = readFileSync(join(import.meta.dirname, "canteen.example.yaml"), "utf8");

  it("is valid once its secrets exist", () => {
    mkdirSync(join(folder, "secrets"));
    write("x", "secrets/mqtt-password");
    write("x", "secrets/broker-ca.pem");
    expect(said(example)).toEqual([]);
  });

  it("names every key of the schema, with its default where it has one", () => {
    for (const { path, defaultJson } of configKeys()) {
      const key = path.split(".").at(-1) ?? path;
      expect(example, path).toMatch(new RegExp(`\\b${key}:`));
      const plain = defaultJson?.replaceAll('"', "");
      if (plain !== undefined && /^\d+$/.test(plain) && !path.includes("subsidyFen"))
        expect(example, path).toMatch(new RegExp(`${key}: ${plain}\\b`));
    }
  });

  it("is valid with every commented default switched on", () => {
    const uncommented = example
      .replace(/# (camera|devices|cabinets):\n(#.*\n)+/g, "")
      // What names a device stands only where there is one.
      .replace(/# *scale: goods-scale.*\n/, "")
      .replace(/^(\s*)# (\s*\w+:( \S+)?)$/gm, "$1$2")
      .replace(/^ {2}siteKeyFile:.*$/m, "");
    mkdirSync(join(folder, "secrets"));
    write("x", "secrets/mqtt-password");
    write("x", "secrets/broker-ca.pem");
    expect(said(uncommented)).toEqual([]);
  });
});

describe("the cabinets of the example", () => {
  const example = readFileSync(join(import.meta.dirname, "canteen.example.yaml"), "utf8");
  const block = (key: string): string =>
    (new RegExp(`# ${key}:\\n(?:#.*\\n)+`).exec(example)?.[0] ?? "").replace(/^# /gm, "");

  it("are valid with the devices that they name, and only with them", () => {
    expect(said(MINIMAL + block("devices") + block("cabinets"))).toEqual([]);
    expect(said(MINIMAL + block("cabinets")).join()).toContain("there is no cabinet-1 in devices");
  });

  it("have probes of their own, with limits the right way round", () => {
    const twice = block("cabinets").replace("highMilliC: 8000", "highMilliC: 0");
    expect(said(MINIMAL + block("devices") + twice).join()).toContain("must be below highMilliC");
    const [head = "", ...rest] = block("cabinets").split("\n");
    const doubled = [head, ...rest, ...rest].join("\n");
    expect(said(MINIMAL + block("devices") + doubled).join()).toContain("the probe cabinet-1 is used before");
  });
});

describe("the scale of the food samples", () => {
  const scale = (more: string): string =>
    `devices:\n  - { id: bench, kind: scale, port: /dev/ttyUSB0, protocol: mt-sics${more} }\n`;
  const samples =
    "samples: { scale: bench, containers: [{ id: box, name: { zh: 盒, en: Box }, tareG: 40 }] }\n";

  it("is a scale that there is", () => {
    expect(said(MINIMAL + scale("") + samples)).toEqual([]);
    expect(said(MINIMAL + samples).join()).toContain("samples.scale: ");
    expect(said(MINIMAL + scale("").replace("kind: scale", "kind: scanner") + samples).join()).toContain(
      "there is no scale bench in devices",
    );
  });

  it("can weigh the least sample: neither too small for it nor made for sacks", () => {
    expect(said(MINIMAL + scale(", capacityG: 165") + samples)).toEqual([]);
    expect(said(MINIMAL + scale(", capacityG: 164") + samples).join()).toContain("carries at most 164 g");
    const goods = (minG: number): string =>
      `receiving: { scales: [{ id: bench, label: Bench, minG: ${minG}, maxG: 60000, divisionG: 20, serialNumber: "1", verifiedOn: "2026-03-10" }] }\n`;
    expect(said(MINIMAL + scale("") + goods(125) + samples)).toEqual([]);
    expect(said(MINIMAL + scale("") + goods(400) + samples).join()).toContain("weighs from 400 g on");
  });

  it("has no least weight above the most", () => {
    expect(said(`${MINIMAL}samples: { gramsMin: 3000 }\n`).join()).toContain("is more than gramsMax (2000)");
  });
});

describe("the devices of the example", () => {
  const example = readFileSync(join(import.meta.dirname, "canteen.example.yaml"), "utf8");
  const devices = (/# devices:\n(?:#.*\n)+/.exec(example)?.[0] ?? "").replace(/^# /gm, "");

  it("are valid when their comment signs are taken away", () => {
    const { config } = loadConfig(write(MINIMAL + devices)) as { config: { devices: { kind: string }[] } };
    expect(config.devices.map(({ kind }) => kind)).toEqual([
      "scale",
      "card-reader",
      "scanner",
      "thermometer",
      "modbus-bus",
      "onewire-bus",
    ]);
  });

  it("may not share a port or a name, and a mistyped entry hides neither", () => {
    const twice = devices
      .replace("usb-serial:1a86:7523", "/dev/ttyS2")
      .replace("id: cold-room,", "id: cabinet-1,")
      .replace("use: till", "use: kitchen");
    expect(said(MINIMAL + twice)).toEqual([
      expect.stringContaining("devices[2].use"),
      expect.stringContaining("devices[4].port: is also the port of device 2"),
      expect.stringContaining("devices[5].id: the name cabinet-1 is used in device 5 already"),
    ]);
  });
});

describe("the schema used alone", () => {
  it("finds the same contradictions", () => {
    const raw = { site: "a", device: "b", servingLine: { mealPlan: { periods: [] } } };
    const parsed = configSchema.safeParse({ ...raw, mqtt: { passwordFile: "x" } });
    expect(parsed.error?.issues.map(({ path }) => path.join("."))).toContain("servingLine.mealPlan.periods");
    const load = checkConfig({ ...raw, mqtt: { passwordFile: "/dev/null" } }, { folder });
    expect(load.kind === "invalid" && load.problems.map(({ path }) => path)).toEqual([
      "servingLine.mealPlan.periods",
      "mqtt.passwordFile",
    ]);
  });
});
