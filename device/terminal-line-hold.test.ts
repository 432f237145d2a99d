import { describe, expect, it, onTestFinished } from "vitest";
import { face, kindsOf, lineFixture, picture, view } from "./serving-line/serving-line-fixture.ts";
import { holdLineForPages } from "./terminal-line-hold.ts";

const keeper = picture(face());
const diner = picture(face({ person: "p-2" }));
const empty = picture();

/** A till in presence mode whose camera also looks at goods; the test says when somebody is at them. */
function tillWithGoods() {
  const fixture = lineFixture({ activation: "presence" });
  const at = { goods: false, sample: false };
  const holding = holdLineForPages({
    servingLine: fixture.line,
    clock: fixture.clock,
    pages: [
      { use: "goods", isAtWork: () => at.goods },
      { use: "sample", isAtWork: () => at.sample },
    ],
  });
  onTestFinished(() => holding.close());
  return { ...fixture, fixture, at };
}

describe("a till in presence mode whose one camera serves the receiving page", () => {
  it("does not charge whoever weighs, says why it is closed, and serves the next one after they left", async () => {
    const { fixture, at, clock, look } = tillWithGoods();
    at.goods = true;
    await clock.advance(200);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "camera-in-use" });
    await look(keeper, 20);
    at.goods = false;
    await clock.advance(200);
    await look(keeper, 20);
    expect(kindsOf(fixture)).toEqual([]);
    await look(empty, 3);
    await look(diner);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-2" } });
  });

  it("serves the diner first who is already before it, and is then held", async () => {
    const { fixture, at, clock, look } = tillWithGoods();
    await look(diner);
    at.goods = true;
    await clock.advance(200);
    expect(view(fixture).kind).toBe("paid");
    await clock.advance(5000);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "camera-in-use" });
  });

  it("stays held while somebody signs at the goods, and until goods and sample are both done", async () => {
    const { fixture, line, at, clock } = tillWithGoods();
    at.goods = true;
    await clock.advance(200);
    const signing = line.hold("signature");
    expect(signing).not.toBeNull();
    at.sample = true;
    await clock.advance(200);
    signing?.release({ personId: "p-1" });
    at.goods = false;
    await clock.advance(200);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "camera-in-use" });
    at.sample = false;
    await clock.advance(200);
    expect(view(fixture).kind).toBe("idle");
  });
});
