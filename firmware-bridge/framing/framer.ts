import type { FrameEvent, Framer, FramingCounters, FramingSpec, RejectReason } from "../ports/framing.ts";
import { BurstFramer } from "./burst-framer.ts";
import { measureEnclosed } from "./enclosed.ts";
import { LineFramer } from "./line-framer.ts";
import { MeasuredFramer } from "./measured-framer.ts";

/** @returns the framer for `spec`, empty and at the start of a stream. */
export function createFramer(spec: FramingSpec): Framer {
  switch (spec.kind) {
    case "line":
      return new LineFramer(spec);
    case "enclosed":
      return new MeasuredFramer({
        kind: "measured",
        firstBytes: spec.starts,
        frameBytesMax: spec.frameBytesMax,
        measure: measureEnclosed(spec),
      });
    case "measured":
      return new MeasuredFramer(spec);
    case "burst":
      return new BurstFramer(spec);
  }
}

export type { FrameEvent, Framer, FramingCounters, RejectReason };
