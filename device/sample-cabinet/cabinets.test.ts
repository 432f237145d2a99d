/**
 * Over 400 lines because every story is about one cabinet on one virtual clock: its alarms, what keeps them quiet, what
 * is wrong with the measuring.
 */

import { describe, expect, it } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import {
  CABINET_ID,
  type CabinetFixture,
  cabinetFixture,
  cabinetSettings,
  lineFault,
  MINUTE_MS,
  ZHOU,
} from "./cabinet-fixture.ts";
import type { AlarmView, CabinetView } from "./cabinet-port.ts";

const HOUR_MS = 60 * MINUTE_MS;
const CLOSED = { code: "door-closed", text: null } as const;

const view = (fixture: CabinetFixture): CabinetView => {
  const found = fixture.cabinets().view(CABINET_ID);
  if (found === undefined) throw new Error("the fixture's cabinet");
  return found;
};
const alarm = (fixture: CabinetFixture, type: string): AlarmView | undefined =>
  view(fixture).alarms.find((found) => found.type === type);
const stateOf = (fixture: CabinetFixture, type: string): string => alarm(fixture, type)?.state ?? "normal";

async function tooWarm(fixture: CabinetFixture): Promise<void> {
  fixture.says["air"] = 9000;
  await fixture.clock.advance(6 * MINUTE_MS);
}

describe("an alarm of a cabinet", () => {
  it("needs a person's word about what was done", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    const alarmId = alarm(fixture, "high")?.alarmId ?? "";
    const acknowledge = (text: string | null): unknown =>
      fixture.cabinets().acknowledge({ alarmId, signature: ZHOU, action: { code: "other", text } });
    expect(acknowledge(" ")).toEqual({ kind: "refused", reason: "action-missing" });
    expect(acknowledge("已换压缩机")).toEqual({ kind: "done" });
    expect(acknowledge("再来一次")).toEqual({ kind: "refused", reason: "already-acknowledged" });
    expect(alarm(fixture, "high")?.acknowledged).toMatchObject({ operatorId: "zhou" });
    expect(fixture.entries("alarm.acknowledged")[0]).toMatchObject({
      action: { code: "other", text: "已换压缩机" },
    });
  });

  it("is nobody's to quieten who has not the right for it when the act is done", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    const signed = (operatorId: string) => ({ ...ZHOU, operatorId });
    const { alarmId, key = "" } = alarm(fixture, "high") ?? {};
    const noRight = { kind: "refused", reason: "no-right" };
    const cabinets = fixture.cabinets();
    const acknowledge = (operatorId: string): unknown =>
      cabinets.acknowledge({ alarmId: alarmId ?? "", signature: signed(operatorId), action: CLOSED });
    const shelve = (operatorId: string): unknown =>
      cabinets.shelve({ key, durationMs: HOUR_MS, reason: "等待维修", signature: signed(operatorId) });
    expect(acknowledge("a-cashier")).toEqual(noRight);
    // Nobody came in time: it is critical now, and what a keeper might have shelved before is a manager's.
    await fixture.clock.advance(HOUR_MS);
    expect(alarm(fixture, "high")?.level).toBe("critical");
    expect(shelve("a-keeper")).toEqual(noRight);
    const probe = { cabinetId: CABINET_ID, probeId: "air", signature: signed("a-keeper") };
    expect(cabinets.calibrate({ ...probe, offsetMilliC: 100 })).toEqual(noRight);
    expect(cabinets.takeOutOfService({ ...probe, reason: "送检" })).toEqual(noRight);
    expect(new Set(fixture.kinds())).toEqual(new Set(["alarm.raised", "alarm.escalated"]));
    expect(shelve("a-manager")).toEqual({ kind: "done" });
    expect(acknowledge("a-keeper")).toEqual({ kind: "done" });
  });

  it("is shelved until its end by the clock that does not jump, and sounds again then", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    const key = alarm(fixture, "high")?.key ?? "";
    const shelve = (durationMs: number, reason = "等待维修"): unknown =>
      fixture.cabinets().shelve({ key, durationMs, reason, signature: ZHOU });
    expect(shelve(9 * HOUR_MS)).toEqual({ kind: "refused", reason: "duration-out-of-range" });
    expect(shelve(HOUR_MS, " ")).toEqual({ kind: "refused", reason: "reason-missing" });
    expect(shelve(HOUR_MS)).toEqual({ kind: "done" });
    expect(view(fixture)).toMatchObject({ isSounding: false, level: null });
    fixture.clock.stepWall(-86_400_000);
    await fixture.clock.advance(30 * MINUTE_MS);
    await fixture.restart();
    expect(stateOf(fixture, "high")).toBe("shelved");
    await fixture.clock.advance(HOUR_MS + MINUTE_MS);
    expect(stateOf(fixture, "high")).toBe("unacknowledged");
    expect(view(fixture).isSounding).toBe(true);
  });

  it("that was shelved over a restart is given its whole time to be seen once the shelf ends", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    const key = alarm(fixture, "high")?.key ?? "";
    // It escalates half an hour after the world, not the person, made it heard.
    fixture.cabinets().shelve({ key, durationMs: 20 * MINUTE_MS, reason: "等待维修", signature: ZHOU });
    await fixture.clock.advance(MINUTE_MS);
    await fixture.restart();
    await fixture.clock.advance(20 * MINUTE_MS);
    expect(stateOf(fixture, "high")).toBe("unacknowledged");
    await fixture.clock.advance(15 * MINUTE_MS);
    expect(alarm(fixture, "high")).toMatchObject({ level: "major", isEscalated: false });
    await fixture.clock.advance(16 * MINUTE_MS);
    expect(alarm(fixture, "high")).toMatchObject({ level: "critical", isEscalated: true });
  });

  it("that was shelved while it was normal keeps its words over a restart, on the screen and on record", async () => {
    const fixture = cabinetFixture();
    const key = `${CABINET_ID}/high/air`;
    const shelf = { durationMs: HOUR_MS, reason: "清洁", signature: ZHOU };
    // Nobody would ever take that off the shelf again.
    expect(fixture.cabinets().shelve({ ...shelf, key: `${key}/more` })).toMatchObject({
      reason: "alarm-unknown",
    });
    expect(fixture.cabinets().shelve({ ...shelf, key })).toEqual({ kind: "done" });
    await fixture.restart();
    expect(alarm(fixture, "high")).toMatchObject({ state: "shelved", text: { zh: "温度过高" } });
    await tooWarm(fixture);
    expect(fixture.entries("alarm.raised")).toMatchObject([{ isShelved: true, text: { zh: "温度过高" } }]);
  });

  it("is quiet for a while when silenced, and heard again at the next alarm", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    fixture.cabinets().silence(CABINET_ID);
    expect(view(fixture).isSounding).toBe(false);
    fixture.door = true;
    await fixture.clock.advance(3 * MINUTE_MS);
    expect(stateOf(fixture, "door-open")).toBe("unacknowledged");
    expect(view(fixture).isSounding).toBe(true);
  });

  it("sounds although the disk takes nothing; its entry follows, and a person's act is refused until then", async () => {
    const fixture = cabinetFixture();
    const { journal } = fixture.kept;
    const transact = journal.transact.bind(journal);
    const full = new CanteenError("full", {
      code: "disk-full",
      retry: "after-operator",
      hint: { zh: "满", en: "full" },
    });
    journal.transact = () => {
      throw full;
    };
    await tooWarm(fixture);
    expect(view(fixture)).toMatchObject({ isSounding: true, storageFault: "disk-full" });
    const alarmId = alarm(fixture, "high")?.alarmId ?? "";
    const acknowledge = (): unknown =>
      fixture.cabinets().acknowledge({ alarmId, signature: ZHOU, action: CLOSED });
    expect(acknowledge()).toEqual({ kind: "refused", reason: "not-saved" });
    expect(fixture.kinds()).toEqual([]);
    journal.transact = transact;
    await fixture.clock.advance(6000);
    expect(fixture.kinds()).toEqual(["alarm.raised"]);
    expect(acknowledge()).toEqual({ kind: "done" });
    expect(view(fixture).storageFault).toBeNull();
  });

  it("tries a buzzer that fails again and again, and says so", async () => {
    const fixture = cabinetFixture();
    fixture.relay.outcome = { kind: "failed", fault: lineFault("relay-stuck") };
    await tooWarm(fixture);
    expect(view(fixture).relay).toEqual({ kind: "failed", code: "relay-stuck" });
    fixture.relay.outcome = { kind: "done" };
    await fixture.clock.advance(5000);
    expect(fixture.relay.isOn).toBe(true);
  });

  it("asks nothing of a buzzer whose line is not open yet, and silences it once it is", async () => {
    const fixture = cabinetFixture();
    fixture.relay.enter({ kind: "closed" });
    fixture.relay.outcome = { kind: "refused", reason: "not-open" };
    await fixture.restart();
    const { setCount } = fixture.relay;
    await fixture.clock.advance(6000);
    expect([fixture.relay.setCount - setCount, view(fixture).relay]).toEqual([
      0,
      { kind: "off", code: null },
    ]);
    // Left sounding by a process that was killed.
    fixture.relay.isOn = true;
    fixture.relay.outcome = { kind: "done" };
    fixture.relay.enter({ kind: "live" });
    await fixture.clock.advance(1);
    expect(fixture.relay.isOn).toBe(false);
  });

  it("is raised once by a wall clock that steps a day either way", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    for (const byMs of [86_400_000, -2 * 86_400_000, 86_400_000]) {
      fixture.clock.stepWall(byMs);
      await fixture.clock.advance(5 * MINUTE_MS);
    }
    expect(fixture.kinds()).toEqual(["alarm.raised"]);
  });
});

describe("temperature alarms", () => {
  it("are suppressed while it defrosts by its schedule, and raised when it is still warm afterwards", async () => {
    // The fixture's day begins at 12:00 in Shanghai.
    const defrost = [{ fromMinute: 12 * 60 + 2, toMinute: 12 * 60 + 32 }];
    const fixture = cabinetFixture(cabinetSettings({ defrost }));
    await fixture.clock.advance(3 * MINUTE_MS);
    expect(view(fixture).defrost?.cause).toBe("schedule");
    await tooWarm(fixture);
    expect(view(fixture).isSounding).toBe(false);
    expect(fixture.kinds()).toEqual(["alarm.suppressed"]);
    await fixture.clock.advance(25 * MINUTE_MS);
    expect(stateOf(fixture, "high")).toBe("unacknowledged");
    expect(fixture.kinds().slice(0, 3)).toEqual(["alarm.suppressed", "alarm.unsuppressed", "alarm.raised"]);
  });

  it("of a probe out of service are off until a person takes it back, over a restart", async () => {
    const fixture = cabinetFixture();
    const scope = { cabinetId: CABINET_ID, probeId: "air", signature: ZHOU };
    expect(fixture.cabinets().takeOutOfService({ ...scope, reason: "送检" })).toEqual({ kind: "done" });
    await tooWarm(fixture);
    await fixture.restart();
    await fixture.clock.advance(6 * MINUTE_MS);
    expect(view(fixture)).toMatchObject({
      isSounding: false,
      probes: [{ outOfService: { reason: "送检" } }, {}],
    });
    expect(fixture.cabinets().returnToService(scope)).toEqual({ kind: "done" });
    expect(stateOf(fixture, "high")).toBe("unacknowledged");
    expect(fixture.cabinets().returnToService(scope)).toEqual({
      kind: "refused",
      reason: "not-out-of-service",
    });
  });

  it("add short trips above the limit up, also over a restart", async () => {
    const fixture = cabinetFixture();
    for (let trip = 0; trip < 8; trip++) {
      fixture.says["air"] = 9000;
      await fixture.clock.advance(4 * MINUTE_MS);
      fixture.says["air"] = 4000;
      await fixture.clock.advance(20 * MINUTE_MS);
      if (trip === 3) await fixture.restart();
    }
    expect(stateOf(fixture, "high")).toBe("normal");
    expect(stateOf(fixture, "cumulative")).toBe("unacknowledged");
  });

  it("neither come nor go on faults", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    fixture.says["air"] = "open";
    await fixture.clock.advance(HOUR_MS);
    expect(alarm(fixture, "high")).toMatchObject({ isActive: true });
  });

  it("apply a calibration from its moment on, with date and person, over a restart", async () => {
    const fixture = cabinetFixture();
    fixture.says["air"] = 8300;
    const calibrate = (offsetMilliC: number): unknown =>
      fixture.cabinets().calibrate({ cabinetId: CABINET_ID, probeId: "air", offsetMilliC, signature: ZHOU });
    expect(calibrate(-5001)).toEqual({ kind: "refused", reason: "offset-out-of-range" });
    expect(calibrate(-500)).toEqual({ kind: "done" });
    await fixture.restart();
    await fixture.clock.advance(HOUR_MS);
    expect(stateOf(fixture, "high")).toBe("normal");
    expect(view(fixture).probes[0]?.milliC).toBeLessThan(8000);
    expect(view(fixture).probes[0]?.calibration).toMatchObject({ offsetMilliC: -500, operatorId: "zhou" });
    expect(fixture.entries("probe.calibrated")).toMatchObject([
      { formerOffsetMilliC: 0, offsetMilliC: -500 },
    ]);
  });
});

describe("what is wrong with the measuring", () => {
  it("is no open door and no warming when a probe is given another offset", async () => {
    const fixture = cabinetFixture(cabinetSettings({ door: null }));
    await fixture.clock.advance(3 * MINUTE_MS);
    const calibrate = { cabinetId: CABINET_ID, probeId: "air", offsetMilliC: 3000, signature: ZHOU };
    expect(fixture.cabinets().calibrate(calibrate)).toEqual({ kind: "done" });
    for (let halfMinute = 0; halfMinute < 20; halfMinute++) {
      await fixture.clock.advance(30_000);
      expect(view(fixture).door?.isOpen).not.toBe(true);
    }
    expect(fixture.kinds()).toEqual(["probe.calibrated"]);
  });

  it("is one alarm when the whole line is lost", async () => {
    const fixture = cabinetFixture();
    fixture.line.enter({ kind: "lost", fault: lineFault("device-gone") });
    fixture.says["air"] = null;
    fixture.says["food"] = null;
    await fixture.clock.advance(3 * MINUTE_MS);
    expect(view(fixture).alarms.map(({ type }) => type)).toEqual(["line-lost"]);
    expect(view(fixture).probes.map(({ fault }) => fault)).toEqual(["line-lost", "line-lost"]);
  });

  it("is a stuck probe after the same value for hours", async () => {
    const fixture = cabinetFixture(cabinetSettings(), { saysEach5s: false });
    for (let minute = 0; minute < 6 * 60 + 5; minute++) {
      fixture.line.say("air", 4000);
      fixture.line.say("food", 4000 + (minute % 2) * 100);
      await fixture.clock.advance(MINUTE_MS);
    }
    expect(view(fixture).alarms.map(({ type, subject }) => [type, subject])).toContainEqual([
      "probe-stuck",
      "air",
    ]);
    expect(fixture.entries("alarm.raised").filter(({ type }) => type === "probe-stuck")).toHaveLength(1);
  });

  it("is an open door that nobody saw, marked as inferred, where there is no contact", async () => {
    const fixture = cabinetFixture(cabinetSettings({ door: null }));
    await fixture.clock.advance(10 * MINUTE_MS);
    let air = 4000;
    fixture.says["air"] = () => {
      air += 100;
      return air;
    };
    await fixture.clock.advance(5 * MINUTE_MS);
    expect(view(fixture).door).toMatchObject({ isOpen: true, source: "inferred" });
    expect(alarm(fixture, "door-open")?.facts).toEqual({ isInferred: true });
    // The probe that told of it is pulled out: the one that is left says that it is cold again.
    fixture.says["air"] = "open";
    await fixture.clock.advance(4 * MINUTE_MS);
    expect(view(fixture).door?.isOpen).toBe(false);
    expect(stateOf(fixture, "door-open")).toBe("returned-unacknowledged");
  });

  it("is said after a loss of power, with what happened meanwhile unknown, and waits for a person", async () => {
    const fixture = cabinetFixture();
    await tooWarm(fixture);
    await fixture.restart({ offMs: 3 * HOUR_MS });
    expect(stateOf(fixture, "power-back")).toBe("returned-unacknowledged");
    expect(Number(alarm(fixture, "power-back")?.facts["gapMs"])).toBeGreaterThanOrEqual(3 * HOUR_MS);
    expect(stateOf(fixture, "high")).toBe("unacknowledged");
    expect(fixture.entries("alarm.raised").map(({ type }) => type)).toEqual(["high", "power-back"]);
    const toMs = fixture.clock.now();
    const dose = fixture.cabinets().dose({ cabinetId: CABINET_ID, fromMs: toMs - HOUR_MS, toMs });
    expect(dose).toMatchObject({ unknownMs: HOUR_MS, aboveMs: 0 });
  });
});

describe("the summaries of five minutes", () => {
  it("are as long as they were, whatever is done to the clock", async () => {
    const fixture = cabinetFixture();
    for (const stepMs of [0, 24 * HOUR_MS, -24 * HOUR_MS]) {
      await fixture.clock.advance(2 * MINUTE_MS);
      fixture.clock.stepWall(stepMs);
      await fixture.clock.advance(4 * MINUTE_MS);
    }
    const lengths = fixture
      .entries("temperature.summary")
      .map(({ fromMs, toMs }) => Number(toMs) - Number(fromMs));
    expect(lengths).toEqual([5 * MINUTE_MS, 5 * MINUTE_MS, 5 * MINUTE_MS]);
  });
});

describe("the alarms of before", () => {
  it("are given newest first by pages, and each page in the order in which they came", async () => {
    const fixture = cabinetFixture();
    for (let dish = 1; dish <= 5; dish++)
      fixture.cabinets().raise({
        ...{ cabinetId: CABINET_ID, type: "sample-missing", subject: `dish-${dish}`, level: "major" },
        text: { zh: "菜品未留样", en: "a dish has no sample" },
      });
    const page = (beforeSeq: number | null) =>
      fixture.cabinets().alarmRecords({
        ...{ cabinetId: CABINET_ID, fromMs: 0, toMs: fixture.clock.now() + 1, countMax: 2, beforeSeq },
      });
    const first = page(null);
    expect(first.map(({ subject }) => subject)).toEqual(["dish-4", "dish-5"]);
    const second = page(first[0]?.raisedSeq ?? 0);
    expect(second.map(({ subject }) => subject)).toEqual(["dish-2", "dish-3"]);
    expect(page(second[0]?.raisedSeq ?? 0).map(({ subject }) => subject)).toEqual(["dish-1"]);
  });
});

describe("whoever acknowledges everything", () => {
  it("shows in the rates: how many, how hastily and with which words", async () => {
    const fixture = cabinetFixture();
    const raise = (subject: string): string => {
      const raised = fixture.cabinets().raise({
        cabinetId: CABINET_ID,
        type: "sample-missing",
        subject,
        level: "major",
        text: { zh: "菜品未留样", en: "a dish has no sample" },
      });
      return raised.kind === "raised" ? raised.alarmId : "";
    };
    const ids = Array.from({ length: 6 }, (_, index) => raise(`dish-${index}`));
    await fixture.clock.advance(10 * MINUTE_MS);
    for (const [index, alarmId] of ids.entries()) {
      const operatorId = index < 5 ? "zhou" : "qian";
      fixture.cabinets().acknowledge({
        alarmId,
        signature: { ...ZHOU, operatorId },
        action: { code: "watched", text: null },
      });
    }
    const toMs = fixture.clock.now() + 1;
    expect(fixture.cabinets().acknowledgementRates({ fromMs: 0, toMs })).toMatchObject([
      { operatorId: "zhou", acknowledgedCount: 5, hastyCount: 4, usualAction: { code: "watched", count: 5 } },
      { operatorId: "qian", acknowledgedCount: 1, hastyCount: 0, medianWaitMs: 10 * MINUTE_MS },
    ]);
  });
});
