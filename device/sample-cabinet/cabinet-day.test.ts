import { describe, expect, it } from "vitest";
import { CABINET_ID, cabinetFixture, MINUTE_MS, ZHOU } from "./cabinet-fixture.ts";
import type { AlarmView } from "./cabinet-port.ts";

const HOUR_MS = 60 * MINUTE_MS;

/** Air and food after Newton's law of cooling, a step each 5 s. */
class Warming {
  air = 4000;
  food = 4000;
  isDoorOpen = false;
  isCompressorOn = true;

  step(): void {
    const room = (25_000 - this.air) * (5000 / ((this.isDoorOpen ? 15 : 150) * MINUTE_MS));
    const cold = this.isCompressorOn ? (4000 - this.air) * (5000 / (8 * MINUTE_MS)) : 0;
    this.air += room + cold;
    this.food += (this.air - this.food) * (5000 / (40 * MINUTE_MS));
  }
}

describe("a day at the sample cabinet", () => {
  it("with a door left open, a compressor that fails, a probe unplugged, a dish without a sample and a restart", async () => {
    const fixture = cabinetFixture();
    const { clock, relay, says } = fixture;
    const warming = new Warming();
    clock.every(5000, () => warming.step());
    says["air"] = () => Math.round(warming.air / 100) * 100;
    says["food"] = () => Math.round(warming.food / 100) * 100;
    const alarms = (): readonly AlarmView[] => fixture.cabinets().view(CABINET_ID)?.alarms ?? [];
    const states = (): readonly string[] =>
      alarms()
        .map(({ type, state }) => `${type} ${state}`)
        .toSorted();
    const acknowledge = (
      type: string,
      code: "door-closed" | "repair-called" | "probe-checked" | "other",
    ): unknown => {
      const alarmId = alarms().find((alarm) => alarm.type === type)?.alarmId ?? "";
      const text = code === "other" ? "补留样品" : null;
      return fixture.cabinets().acknowledge({ alarmId, signature: ZHOU, action: { code, text } });
    };
    await clock.advance(2 * HOUR_MS);
    expect(states()).toEqual([]);
    expect(fixture.kinds()).toEqual([]);

    // 1. The door stays open: after two minutes by its contact, then it is too warm for five.
    warming.isDoorOpen = true;
    fixture.door = true;
    await clock.advance(3 * MINUTE_MS);
    expect(states()).toEqual(["door-open unacknowledged"]);
    expect(relay.isOn).toBe(true);
    expect(acknowledge("door-open", "door-closed")).toEqual({ kind: "done" });
    expect(states()).toEqual(["door-open acknowledged"]);
    await clock.advance(1);
    expect(relay.isOn).toBe(false);
    await clock.advance(19 * MINUTE_MS);
    expect(states()).toContain("high unacknowledged");
    warming.isDoorOpen = false;
    fixture.door = false;
    await clock.advance(2 * HOUR_MS);
    expect(states()).toContain("high returned-unacknowledged");
    for (const { type } of alarms()) acknowledge(type, "door-closed");
    expect(states()).toEqual([]);
    const afterDoor = fixture.kinds();
    expect(afterDoor.slice(0, 2)).toEqual(["alarm.raised", "alarm.acknowledged"]);
    expect(afterDoor.filter((kind) => kind === "alarm.raised")).toHaveLength(
      afterDoor.filter((kind) => kind === "alarm.cleared").length,
    );

    // 2. A dish without a sample, which others raise; said twice it is one alarm.
    const missing = {
      cabinetId: CABINET_ID,
      type: "sample-missing",
      subject: "2026-09-01/lunch/rice",
      level: "major",
      text: { zh: "菜品未留样", en: "a dish has no sample" },
    } as const;
    expect(fixture.cabinets().raise(missing).kind).toBe("raised");
    expect(fixture.cabinets().raise(missing).kind).toBe("exists");
    expect(states()).toEqual(["sample-missing unacknowledged"]);

    // 3. The process is restarted in the middle of it.
    const before = fixture.kinds().length;
    await fixture.restart({ offMs: MINUTE_MS });
    expect(states()).toEqual(["sample-missing unacknowledged"]);
    expect(fixture.cabinets().activeSubjects(CABINET_ID, "sample-missing")).toEqual([missing.subject]);
    expect(fixture.cabinets().raise(missing).kind).toBe("exists");
    expect(fixture.kinds()).toHaveLength(before);
    await clock.advance(1);
    expect(relay.isOn).toBe(true);
    expect(acknowledge("sample-missing", "other")).toEqual({ kind: "done" });
    fixture.cabinets().clear(missing);
    expect(states()).toEqual([]);

    // 4. The compressor fails; nobody comes for half an hour, so it goes one level up.
    warming.isCompressorOn = false;
    await clock.advance(90 * MINUTE_MS);
    const high = alarms().find(({ type, subject }) => type === "high" && subject === "air");
    expect(high).toMatchObject({
      state: "unacknowledged",
      level: "critical",
      isEscalated: true,
      isActive: true,
    });
    const idOfHigh = high?.alarmId;

    // 5. A restart in the middle of the alarm: the same occurrence, raised once.
    await fixture.restart({ offMs: 10_000 });
    await clock.advance(MINUTE_MS);
    expect(alarms().find(({ alarmId }) => alarmId === idOfHigh)).toMatchObject({
      state: "unacknowledged",
      level: "critical",
    });
    expect(fixture.entries("alarm.raised").filter(({ alarmId }) => alarmId === idOfHigh)).toHaveLength(1);
    warming.isCompressorOn = true;
    await clock.advance(4 * HOUR_MS);
    for (const { alarmId } of alarms())
      fixture.cabinets().acknowledge({
        alarmId: alarmId ?? "",
        signature: ZHOU,
        action: { code: "repair-called", text: null },
      });

    // 6. A probe is unplugged; its last value neither stays nor counts.
    says["food"] = "silent";
    await clock.advance(2 * MINUTE_MS);
    expect(states()).toContain("probe-fault unacknowledged");
    expect(fixture.cabinets().view(CABINET_ID)?.probes[1]).toMatchObject({ milliC: null, fault: "silent" });
    expect(acknowledge("probe-fault", "probe-checked")).toEqual({ kind: "done" });
    says["food"] = 4000;
    await clock.advance(2 * MINUTE_MS);
    expect(states().filter((state) => state.startsWith("probe-fault"))).toEqual([]);

    // Every occurrence on record was raised once, cleared and acknowledged.
    const raised = fixture.entries("alarm.raised").filter(({ isAgain }) => isAgain === false);
    expect(new Set(raised.map(({ alarmId }) => alarmId)).size).toBe(raised.length);
    const told = raised.map(({ type, subject }) =>
      subject === null ? type : `${String(type)} ${String(subject)}`,
    );
    expect(told.toSorted()).toEqual([
      // Of the compressor; the door's trip alone was too short for it.
      "cumulative air",
      "cumulative food",
      "door-open",
      "high air",
      "high air",
      "high food",
      "probe-fault food",
      "rising-fast air",
      "sample-missing 2026-09-01/lunch/rice",
    ]);
  });
});
