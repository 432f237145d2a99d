import { describe, expect, test } from "vitest";
import { EvaluationProtocolError, parseProtocol } from "./evaluation-protocol.ts";

const right = {
  gallery: { ann: ["ann/1.jpg", "ann/2.jpg", "ann/3.jpg"] },
  distractors: { eve: ["eve/1.jpg"] },
  probes: [["ann", "ann/4.jpg"]],
  single_shot_probes: [["eve", "eve/2.jpg"]],
  impostors: ["zoe/1.jpg"],
};

describe("a protocol file", () => {
  test("is taken as it is, and may have no twins", () => {
    expect(parseProtocol(right)).toEqual({ ...right, siblings: [] });
    const twins = [["ann", "eve"]];
    expect(parseProtocol({ ...right, siblings: twins }).siblings).toEqual(twins);
  });

  test.each([
    [null, "the file"],
    [[], "the file"],
    [{ ...right, gallery: undefined }, "gallery"],
    [{ ...right, gallery: { ann: "ann/1.jpg" } }, "gallery.ann"],
    [{ ...right, distractors: { eve: [1] } }, "distractors.eve[0]"],
    [{ ...right, probes: [["ann"]] }, "probes[0][1]"],
    [{ ...right, probes: [["ann", "a.jpg", "b.jpg"]] }, "probes[0]"],
    [{ ...right, impostors: ["../secret.jpg"] }, "impostors[0]"],
    [{ ...right, impostors: ["/secret.jpg"] }, "impostors[0]"],
    [{ ...right, siblings: [["ann"]] }, "siblings[0]"],
  ])("that is wrong is refused with the place of the mistake (%#)", (value, place) => {
    expect(() => parseProtocol(value)).toThrow(EvaluationProtocolError);
    expect(() => parseProtocol(value)).toThrow(`wrong at ${place}: `);
  });
});
