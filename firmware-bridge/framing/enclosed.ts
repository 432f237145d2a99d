import type { EnclosedSpec, Measure } from "../ports/framing.ts";

/** @returns the rule for `start … end`: a new start byte inside means that the first frame was cut short. */
export function measureEnclosed(spec: EnclosedSpec): Measure {
  return (bytes, ended) => {
    for (let index = 1; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (spec.ends.includes(byte)) return { kind: "frame", length: index + 1 };
      if (spec.starts.includes(byte)) return { kind: "rejected", reason: "truncated", length: index };
      if (index + 1 >= spec.frameBytesMax)
        return { kind: "rejected", reason: "over-long", length: spec.frameBytesMax };
    }
    return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
  };
}
