import { describe, expect, it } from "vitest";
import type { TillHold } from "./serving-line.ts";
import { face, hoursPass, kindsOf, lineFixture, payByFace, picture, view } from "./serving-line-fixture.ts";

const one = picture(face());
const other = picture(face({ person: "p-2" }));
const empty = picture();

function held(fixture: ReturnType<typeof lineFixture>): TillHold {
  const hold = fixture.line.hold("signature");
  if (hold === null) throw new Error("the line is being used");
  return hold;
}

describe("a till whose camera somebody signs at", () => {
  it("charges nobody meanwhile: not by face, press, card, nor under an operator's name", async () => {
    const fixture = lineFixture({ activation: "presence" });
    held(fixture);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "camera-in-use" });
    expect(fixture.frames.wanted).toBe(false);
    await fixture.look(one, 10);
    await fixture.line.command({ kind: "activate" });
    await fixture.line.command({ kind: "card", cardToken: "card-p-1" });
    const again = fixture.line.chargeAgain({ personId: "p-1", operatorId: "li", reason: "second helping" });
    expect(again).toEqual({ kind: "refused", reason: "camera-in-use" });
    await fixture.clock.advance(5000);
    expect(kindsOf(fixture)).not.toContain("charge.made");
  });

  it("is not given away while a diner is looked at or reads a result, nor twice", async () => {
    const fixture = lineFixture();
    await fixture.line.command({ kind: "activate" });
    expect(fixture.line.hold("signature")).toBeNull();
    await fixture.look(one);
    expect(view(fixture).kind).toBe("paid");
    expect(fixture.line.hold("signature")).toBeNull();
    await fixture.clock.advance(2500);
    const hold = held(fixture);
    expect(fixture.line.hold("signature")).toBeNull();
    hold.release({ personId: null });
    expect(view(fixture)).toEqual({ kind: "idle" });
    expect((await payByFace(fixture, "p-2")).kind).toBe("paid");
  });

  it("does not charge the signer who stays, and does charge the next one", async () => {
    const fixture = lineFixture({ activation: "presence" });
    held(fixture).release({ personId: "p-1" });
    await fixture.look(one, 30);
    expect(kindsOf(fixture)).toEqual([]);
    await fixture.look(other);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-2" } });
  });

  it("waits for an empty place where nobody was recognised, whoever stands there", async () => {
    const fixture = lineFixture({ activation: "presence" });
    held(fixture).release({ personId: null });
    await fixture.look(one, 30);
    await fixture.look(other, 30);
    expect(kindsOf(fixture)).toEqual([]);
    await fixture.look(empty, 3);
    await fixture.look(one);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-1" } });
  });

  it("serves whoever presses after it, also where nobody left the place", async () => {
    const fixture = lineFixture({ activation: "presence" });
    held(fixture).release({ personId: null });
    await fixture.look(one, 3);
    expect((await payByFace(fixture)).kind).toBe("paid");
  });

  it("charges no signer either who signed while it was closed for another reason too", async () => {
    const fixture = lineFixture({ activation: "presence" });
    const hold = held(fixture);
    fixture.line.setTillOpen(false);
    hold.release({ personId: "p-1" });
    fixture.line.setTillOpen(true);
    await fixture.look(one, 30);
    expect(kindsOf(fixture)).toEqual([]);
    await fixture.look(other);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-2" } });
  });

  it("charges no signer who still stands there when it closed for a moment after the signature", async () => {
    const fixture = lineFixture({ activation: "presence" });
    held(fixture).release({ personId: "p-1" });
    fixture.line.setTillOpen(false);
    fixture.line.setTillOpen(true);
    await fixture.look(one, 30);
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("waits for an empty place where two signed one after the other while it was closed", async () => {
    const fixture = lineFixture({ activation: "presence" });
    fixture.line.setTillOpen(false);
    held(fixture).release({ personId: "p-1" });
    held(fixture).release({ personId: "p-2" });
    fixture.line.setTillOpen(true);
    await fixture.look(one, 30);
    await fixture.look(other, 30);
    expect(kindsOf(fixture)).toEqual([]);
  });

  it("serves at the next meal whoever stood there when the last one ended", async () => {
    const fixture = lineFixture({ activation: "presence" });
    await fixture.look(one);
    await hoursPass(fixture, 2);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "no-meal-now" });
    await hoursPass(fixture, 4);
    await fixture.look(one);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { period: { id: "dinner" } } });
  });

  it("stays closed after it where it is closed for another reason, and a release counts once", async () => {
    const fixture = lineFixture({ activation: "presence" });
    const hold = held(fixture);
    fixture.line.setTillOpen(false);
    hold.release({ personId: null });
    expect(view(fixture)).toEqual({ kind: "closed", reason: "till-closed" });
    const later = held(fixture);
    hold.release({ personId: null });
    fixture.line.setTillOpen(true);
    expect(view(fixture).kind).toBe("closed");
    later.release({ personId: null });
    expect(view(fixture).kind).toBe("idle");
  });
});
