import type { OptionBag } from "./ports/dialect.ts";
import { BridgeFault } from "./ports/fault.ts";
import type { FramingCounters } from "./ports/framing.ts";
import type { Reading } from "./ports/reading.ts";
import { dialectOf } from "./protocol/registry.ts";
import { type DecodedFrame, DecodingSession } from "./session.ts";

/** A line of `serial decode`: bytes as hex, and what the wire does not say. */
export interface DecodeRequest {
  readonly id: unknown;
  readonly protocol: string;
  readonly options: OptionBag;
  readonly bytes: Uint8Array;
}

export type DecodeAnswer =
  | {
      readonly id: unknown;
      readonly readings: readonly Reading[];
      readonly counters: FramingCounters;
      /** Options that the dialect does not know, if there were any. */
      readonly ignoredOptions?: readonly string[];
    }
  | { readonly id: unknown; readonly error: { readonly code: string; readonly message: string } };

/** Longer input lines are refused: 8 MB of hex is hours of a scale's output. */
export const DECODE_LINE_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Decodes one JSON line. @returns the answer; a fault of the line is part of it, so that the next line goes on. */
export function decodeLine(line: string): DecodeAnswer {
  const request = parseRequest(line);
  return "error" in request ? request : decodeBytes(request, [request.bytes]);
}

/** @param chunks  the request's bytes in any cut; the answer is the same for each. */
export function decodeBytes(
  request: Omit<DecodeRequest, "bytes">,
  chunks: readonly Uint8Array[],
): DecodeAnswer {
  const dialect = dialectOf(request.protocol);
  if (dialect === null)
    return failed(request.id, "unknown-protocol", `unknown protocol "${request.protocol}"`);
  try {
    const session = new DecodingSession(dialect.open(request.options));
    const frames = [...chunks.flatMap((chunk) => session.push(chunk)), ...session.end()];
    const counters = session.counters();
    const unknown = Object.keys(request.options).filter((name) => !dialect.optionNames.includes(name));
    return {
      id: request.id,
      readings: listed(frames, counters),
      counters,
      ...(unknown.length === 0 ? {} : { ignoredOptions: unknown }),
    };
  } catch (error) {
    if (error instanceof BridgeFault) return failed(request.id, error.code, error.message);
    throw error;
  }
}

/**
 * The readings; only when there is none, what the bytes were instead (invalid, ignored). So one good weighing in a
 * noisy log is one reading, and a log without any still says why.
 */
function listed(frames: readonly DecodedFrame[], counters: FramingCounters): readonly Reading[] {
  const good = frames.filter(({ reading }) => reading.type !== "invalid" && reading.type !== "ignored");
  if (frames.length === 0) return withoutFrames(counters);
  const readings = (good.length > 0 ? good : frames).map(withSkippedBytes);
  const last = readings.at(-1);
  if (last?.type !== "modbus") return readings;
  const before = good.reduce((sum, frame) => sum + frame.noiseBytesBefore, 0);
  const trailing = counters.noiseBytes - before;
  return trailing === 0 ? readings : [...readings.slice(0, -1), { ...last, trailing }];
}

function withoutFrames(counters: FramingCounters): readonly Reading[] {
  if (counters.frames > 0) return [{ type: "invalid", reason: "unrecognised" }];
  return counters.noiseBytes > 0 ? [{ type: "invalid", reason: "no frame" }] : [];
}

function withSkippedBytes({ reading, noiseBytesBefore }: DecodedFrame): Reading {
  return reading.type === "modbus" && noiseBytesBefore > 0 ? { ...reading, skip: noiseBytesBefore } : reading;
}

function parseRequest(line: string): DecodeRequest | Extract<DecodeAnswer, { error: unknown }> {
  if (line.length > DECODE_LINE_CHARACTERS_MAX) return failed(null, "line-too-long", "the line is too long");
  const value = parseJson(line);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return failed(null, "bad-line", "not a JSON object");
  const { id = null, protocol, options = {}, hex } = value as Readonly<Record<string, unknown>>;
  if (typeof protocol !== "string") return failed(id, "bad-line", '"protocol" must be text');
  if (typeof options !== "object" || options === null || Array.isArray(options))
    return failed(id, "bad-line", '"options" must be an object');
  if (typeof hex !== "string" || hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex))
    return failed(id, "bad-line", '"hex" must be pairs of hex digits');
  return { id, protocol, options: options as OptionBag, bytes: Uint8Array.from(Buffer.from(hex, "hex")) };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function failed(id: unknown, code: string, message: string): Extract<DecodeAnswer, { error: unknown }> {
  return { id, error: { code, message } };
}
