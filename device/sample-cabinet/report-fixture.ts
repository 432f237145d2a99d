import { generateKeyPairSync, sign } from "node:crypto";
import { startCheckpoints } from "../journal/checkpoint-writer.ts";
import type { JsonObject } from "../journal/journal-port.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { DATE, HOUR_MS, LUNCH_MS, type SampleRig, sampleRig } from "./sample-fixture.ts";

/** For tests only: three days of a cabinet, with an excursion, a gap, a missed dish, an early disposal and a seizure. */
export const REPORT_WISH = {
  appVersion: "1.0.0",
  site: "school",
  device: "line-1",
  zone: "Asia/Shanghai",
  fromDate: DATE,
  toDate: "2026-09-09",
  fromMs: Date.UTC(2026, 8, 6, 16),
  toMs: Date.UTC(2026, 8, 9, 16),
  cabinetId: null,
  madeAtMs: LUNCH_MS + 56 * HOUR_MS,
  cabinets: [
    {
      cabinetId: "cabinet-1",
      name: { zh: "一号留样柜", en: "Cabinet 1" },
      probes: [{ probeId: "upper", name: { zh: "上层", en: "Upper" }, lowMilliC: 0, highMilliC: 8000 }],
    },
  ],
};

const SUMMARY_MS = 300_000;
const FIRST_MS = Date.UTC(2026, 8, 6, 16);
/** The compressor fails on the second night for three hours; the line is away on the second noon. */
const WARM = { fromMs: FIRST_MS + 26 * HOUR_MS, toMs: FIRST_MS + 29 * HOUR_MS };
const AWAY = { fromMs: FIRST_MS + 36 * HOUR_MS, toMs: FIRST_MS + 37.5 * HOUR_MS };

function milliCAt(atMs: number): number {
  const wave = 3500 + 900 * Math.sin(atMs / 900_000) + 250 * Math.sin(atMs / 130_000);
  if (atMs < WARM.fromMs || atMs > WARM.toMs) return Math.round(wave);
  const share = (atMs - WARM.fromMs) / (WARM.toMs - WARM.fromMs);
  return Math.round(wave + 9000 * Math.sin(Math.PI * share));
}

export async function reportRig(): Promise<SampleRig> {
  const rig = sampleRig();
  const ids = idSource(rig.clock, seededEntropy(77));
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64url");
  const append = (kind: string, body: JsonObject): void =>
    void rig.journal.append({ id: ids.next(), kind, body });
  append("charge.other", { personId: "p-secret", amountFen: 1200 });
  await rig.store("rice", "1", 172);
  await rig.store("tomato-egg", "2", 190);
  rig.journal.transact(() => {
    for (let fromMs = FIRST_MS; fromMs < FIRST_MS + 60 * HOUR_MS; fromMs += SUMMARY_MS) {
      if (fromMs >= AWAY.fromMs && fromMs < AWAY.toMs) continue;
      append("temperature.summary", summary(fromMs));
    }
  });
  const calibrated = { cabinetId: "cabinet-1", probeId: "upper", formerOffsetMilliC: 0, offsetMilliC: -300 };
  append("probe.calibrated", { ...calibrated, operatorId: "chen", by: "pin" });
  append("alarm.shelved", {
    ...{ cabinetId: "cabinet-1", key: "cabinet-1/door-open", operatorId: "li", by: "pin" },
    ...{ reason: "正在清洁", durationMs: 1_800_000, untilMs: LUNCH_MS + 1_800_000 },
  });
  const alarmId = ids.next();
  const person = { operatorId: "chen", by: "pin" } as const;
  append("alarm.raised", {
    alarmId,
    cabinetId: "cabinet-1",
    key: "cabinet-1/high/upper",
    type: "high",
    subject: "upper",
    text: { zh: "温度过高", en: "Too warm" },
    level: "critical",
    isAgain: false,
    isShelved: false,
    facts: { valueMilliC: 8600, limitMilliC: 8000 },
    raisedAtMs: WARM.fromMs + 40 * 60_000,
  });
  append("alarm.acknowledged", {
    alarmId,
    cabinetId: "cabinet-1",
    ...person,
    action: { code: "repair-called", text: "压缩机不启动，已报修 <b>&" },
    acknowledgedAtMs: WARM.fromMs + 55 * 60_000,
  });
  append("alarm.cleared", { alarmId, cabinetId: "cabinet-1", clearedAtMs: WARM.toMs });
  append("device.clock-stepped", { byMs: 7_200_000, wallBeforeMs: 1, wallAfterMs: 2 });
  const checkpoints = startCheckpoints({
    journal: rig.journal,
    signer: { publicKey: raw, sign: (bytes) => sign(null, bytes, privateKey) },
    site: "school",
    device: "line-1",
    clock: rig.clock,
    ids,
    logger: silentLogger,
  });
  await rig.clock.advance(60_000);
  checkpoints.close();
  append("sample.meal-checked", {
    meal: { date: DATE, periodId: "lunch", periodName: { zh: "午餐", en: "Lunch" } },
    deadlineMs: LUNCH_MS + 2 * HOUR_MS,
    sampled: [],
    missing: [{ dishId: "soup", dishName: { zh: "紫菜汤", en: "Seaweed soup" } }],
  });
  const signers = {
    first: { by: "pin", operatorId: "li", pin: "1234" },
    second: { by: "pin", operatorId: "chen", pin: "1234" },
  } as const;
  const early = { sampleIds: [rig.sampleId("rice")], reason: "container-broken", note: "盒盖裂开" } as const;
  await rig.samples.disposeEarly({ ...signers, ...early });
  await rig.samples.seize({
    ...signers,
    sampleIds: [rig.sampleId("tomato-egg")],
    authority: "雁塔区市场监督管理局",
    officer: "赵某",
    documentNumber: "市监样〔2026〕12 号",
    sealNumber: "F-0021",
    note: "",
  });
  return rig;
}

function summary(fromMs: number): JsonObject {
  const readings = Array.from({ length: 60 }, (_, index) => milliCAt(fromMs + index * 5000));
  const above = readings.filter((milliC) => milliC > 8000).length;
  const mean = Math.round(readings.reduce((a, b) => a + b, 0) / readings.length);
  return {
    cabinetId: "cabinet-1",
    fromMs,
    toMs: fromMs + SUMMARY_MS,
    probes: [
      {
        probeId: "upper",
        minMilliC: Math.min(...readings),
        meanMilliC: mean,
        maxMilliC: Math.max(...readings),
        readingCount: readings.length,
        faultCount: 0,
        knownMs: SUMMARY_MS,
        aboveMs: above * 5000,
      },
    ],
  };
}

export const OPERATOR_NAMES: Readonly<Record<string, string>> = {
  li: "李师傅",
  chen: "陈主管",
  wang: "王师傅",
};
