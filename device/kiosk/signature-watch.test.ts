import { expect, it } from "vitest";
import type { SigningHint } from "../signatures/signature-port.ts";
import { FakeSignatures } from "./fake-samples.ts";
import { watchSignatures } from "./signature-watch.ts";

const REQUEST = { right: "keep", notOperatorIds: [], waitMsMax: 1000 } as const;

it("passes on what is said to whoever signs by face, and that nothing is said any more once it is over", async () => {
  const desk = new FakeSignatures();
  const watched = watchSignatures(desk);
  const told: (SigningHint | null)[] = [];
  const toldBefore: (SigningHint | null)[] = [];
  const stop = watched.onHint((hint) => told.push(hint));
  const looking = new AbortController();
  const signing = watched.desk.byFace({
    ...REQUEST,
    signal: looking.signal,
    onHint: (hint) => toldBefore.push(hint),
  });
  desk.hint("come-closer");
  desk.hint("hold-still");
  looking.abort();
  expect(await signing).toEqual({ kind: "not-recognised", reason: "cancelled" });
  expect(told).toEqual(["come-closer", "hold-still", null]);
  expect(toldBefore).toEqual(["come-closer", "hold-still"]);
  stop();
  desk.hint("look-here");
  expect(told).toHaveLength(3);
});

it("changes nothing else of the desk", async () => {
  const desk = new FakeSignatures();
  const watched = watchSignatures(desk).desk;
  expect(watched.signers(REQUEST)).toEqual(desk.signers());
  const request = { right: "keep", notOperatorIds: [], operatorId: "k1", pin: "1357" } as const;
  expect(await watched.byPin(request)).toEqual(await desk.byPin(request));
});
