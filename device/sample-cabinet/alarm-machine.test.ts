import { describe, expect, it } from "vitest";
import {
  type Acknowledgement,
  type AlarmInput,
  type AlarmPoint,
  alarmState,
  isUnattended,
  NORMAL,
  type Shelf,
  stepAlarm,
} from "./alarm-machine.ts";
import { ALARM_STATES, type AlarmState } from "./cabinet-port.ts";

const PERSON = { operatorId: "zhou", by: "pin" } as const;
const ACKNOWLEDGEMENT: Acknowledgement = {
  person: PERSON,
  action: { code: "door-closed", text: null },
  atMs: 30,
};
const SHELF: Shelf = { untilMs: 1000, person: PERSON, reason: "defect known" };
const INPUTS = {
  "condition-on": { kind: "condition-on", level: "major", facts: {}, atMs: 10, freshId: "b" },
  "condition-off": { kind: "condition-off", atMs: 20 },
  acknowledge: { kind: "acknowledge", acknowledgement: ACKNOWLEDGEMENT },
  escalate: { kind: "escalate" },
  shelve: { kind: "shelve", shelf: SHELF },
  unshelve: { kind: "unshelve", person: PERSON },
  suppress: { kind: "suppress" },
  unsuppress: { kind: "unsuppress", atMs: 40, freshId: "c" },
  "leave-service": { kind: "leave-service" },
  "enter-service": { kind: "enter-service", atMs: 50, freshId: "d" },
} as const satisfies Record<AlarmInput["kind"], AlarmInput>;
type InputKind = AlarmInput["kind"];

function reachedBy(start: AlarmPoint, ...kinds: readonly InputKind[]): AlarmPoint {
  return kinds.reduce((point, kind) => {
    const step = stepAlarm(point, INPUTS[kind]);
    return step.kind === "moved" ? step.point : point;
  }, start);
}

/** The state and the records that an input leads to, in one line. */
function outcome(point: AlarmPoint, kind: InputKind): string {
  const step = stepAlarm(point, INPUTS[kind]);
  if (step.kind === "refused") return `refused ${step.reason}`;
  return [alarmState(step.point), ...step.notes.map((note) => `+${note.kind}`)].join(" ");
}

const REACHED: Readonly<Record<AlarmState, AlarmPoint>> = {
  normal: NORMAL,
  unacknowledged: reachedBy(NORMAL, "condition-on"),
  acknowledged: reachedBy(NORMAL, "condition-on", "acknowledge"),
  "returned-unacknowledged": reachedBy(NORMAL, "condition-on", "condition-off"),
  shelved: reachedBy(NORMAL, "shelve"),
  suppressed: reachedBy(NORMAL, "suppress"),
  "out-of-service": reachedBy(NORMAL, "leave-service"),
};

/** ISA-18.2, every state and every input. */
const TABLE: Readonly<Record<AlarmState, Readonly<Record<InputKind, string>>>> = {
  normal: {
    "condition-on": "unacknowledged +raised",
    "condition-off": "normal",
    acknowledge: "refused alarm-unknown",
    escalate: "normal",
    shelve: "shelved +shelved",
    unshelve: "refused not-shelved",
    suppress: "suppressed",
    unsuppress: "normal",
    "leave-service": "out-of-service",
    "enter-service": "normal",
  },
  unacknowledged: {
    "condition-on": "unacknowledged",
    "condition-off": "returned-unacknowledged +cleared",
    acknowledge: "acknowledged +acknowledged",
    escalate: "unacknowledged +escalated",
    shelve: "shelved +shelved",
    unshelve: "refused not-shelved",
    suppress: "suppressed",
    unsuppress: "unacknowledged",
    "leave-service": "out-of-service",
    "enter-service": "unacknowledged",
  },
  acknowledged: {
    "condition-on": "acknowledged",
    "condition-off": "normal +cleared",
    acknowledge: "refused already-acknowledged",
    escalate: "acknowledged",
    shelve: "shelved +shelved",
    unshelve: "refused not-shelved",
    suppress: "suppressed",
    unsuppress: "acknowledged",
    "leave-service": "out-of-service",
    "enter-service": "acknowledged",
  },
  "returned-unacknowledged": {
    "condition-on": "unacknowledged +raised",
    "condition-off": "returned-unacknowledged",
    acknowledge: "normal +acknowledged",
    escalate: "returned-unacknowledged +escalated",
    shelve: "shelved +shelved",
    unshelve: "refused not-shelved",
    suppress: "suppressed",
    unsuppress: "returned-unacknowledged",
    "leave-service": "out-of-service",
    "enter-service": "returned-unacknowledged",
  },
  shelved: {
    "condition-on": "shelved +raised",
    "condition-off": "shelved",
    acknowledge: "refused alarm-unknown",
    escalate: "shelved",
    shelve: "refused already-shelved",
    unshelve: "normal +unshelved",
    suppress: "shelved",
    unsuppress: "shelved",
    "leave-service": "out-of-service",
    "enter-service": "shelved",
  },
  suppressed: {
    "condition-on": "suppressed",
    "condition-off": "suppressed",
    acknowledge: "refused alarm-unknown",
    escalate: "suppressed",
    shelve: "shelved +shelved",
    unshelve: "refused not-shelved",
    suppress: "suppressed",
    unsuppress: "normal",
    "leave-service": "out-of-service",
    "enter-service": "suppressed",
  },
  "out-of-service": {
    "condition-on": "out-of-service",
    "condition-off": "out-of-service",
    acknowledge: "refused alarm-unknown",
    escalate: "out-of-service",
    shelve: "out-of-service +shelved",
    unshelve: "refused not-shelved",
    suppress: "out-of-service",
    unsuppress: "out-of-service",
    "leave-service": "out-of-service",
    "enter-service": "normal",
  },
};

describe("an alarm", () => {
  const cells = ALARM_STATES.flatMap((state) =>
    Object.entries(TABLE[state]).map(([kind, expected]) => [state, kind as InputKind, expected] as const),
  );
  it.each(cells)("that is %s, at %s: %s", (state, kind, expected) => {
    expect(alarmState(REACHED[state])).toBe(state);
    expect(outcome(REACHED[state], kind)).toBe(expected);
  });

  it("that came while suppressed or out of service is raised when that ends and it still holds", () => {
    expect(outcome(reachedBy(NORMAL, "suppress", "condition-on"), "unsuppress")).toBe(
      "unacknowledged +raised",
    );
    expect(outcome(reachedBy(NORMAL, "leave-service", "condition-on"), "enter-service")).toBe(
      "unacknowledged +raised",
    );
    expect(outcome(reachedBy(NORMAL, "suppress", "condition-on", "condition-off"), "unsuppress")).toBe(
      "normal",
    );
  });

  it("that came while shelved is on record at once and waits for a person when the shelf ends", () => {
    const shelved = reachedBy(NORMAL, "shelve", "condition-on");
    expect(outcome(shelved, "unshelve")).toBe("unacknowledged +unshelved");
    expect(outcome(reachedBy(shelved, "condition-off"), "unshelve")).toBe(
      "returned-unacknowledged +unshelved",
    );
    expect(outcome(shelved, "acknowledge")).toBe("shelved +acknowledged");
  });

  it("stays quiet as long as one of the three ways to keep it quiet lasts", () => {
    const thrice = reachedBy(NORMAL, "shelve", "suppress", "leave-service", "condition-on");
    expect(alarmState(thrice)).toBe("out-of-service");
    expect(alarmState(reachedBy(thrice, "enter-service"))).toBe("shelved");
    expect(alarmState(reachedBy(thrice, "unshelve", "enter-service"))).toBe("suppressed");
    expect(outcome(reachedBy(thrice, "unshelve", "enter-service"), "unsuppress")).toBe(
      "unacknowledged +raised",
    );
  });

  it("that comes back before it was acknowledged is the same occurrence, said again", () => {
    const returned = REACHED["returned-unacknowledged"];
    const step = stepAlarm(returned, { ...INPUTS["condition-on"], freshId: "never-used", atMs: 99 });
    expect(step).toMatchObject({ notes: [{ kind: "raised", alarmId: "b", isAgain: true, atMs: 99 }] });
  });

  it("goes one level up once, and 重大 stays 重大", () => {
    const escalated = reachedBy(REACHED.unacknowledged, "escalate");
    expect(escalated.occurrence).toMatchObject({ level: "critical", isEscalated: true });
    expect(outcome(escalated, "escalate")).toBe("unacknowledged");
    const general = stepAlarm(NORMAL, { ...INPUTS["condition-on"], level: "general" });
    expect(general.kind === "moved" && reachedBy(general.point, "escalate").occurrence?.level).toBe("major");
  });

  it("never loses an unacknowledged occurrence, whatever comes", () => {
    const kinds = (Object.keys(INPUTS) as InputKind[]).filter((kind) => kind !== "acknowledge");
    const seen = new Set<string>();
    const frontier = [REACHED.unacknowledged];
    for (let point = frontier.pop(); point !== undefined; point = frontier.pop()) {
      for (const kind of kinds) {
        const next = reachedBy(point, kind);
        expect(next.occurrence?.alarmId).toBe("b");
        const key = JSON.stringify(next);
        if (seen.has(key)) continue;
        seen.add(key);
        frontier.push(next);
      }
    }
    expect(seen.size).toBeGreaterThan(30);
  });

  it("waits for a person exactly where the standard says unacknowledged", () => {
    expect(ALARM_STATES.filter((state) => isUnattended(REACHED[state]))).toEqual([
      "unacknowledged",
      "returned-unacknowledged",
    ]);
  });
});
