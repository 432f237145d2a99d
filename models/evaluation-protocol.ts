/** The protocol file of an evaluation set, checked before a minute is spent on its photos. */

import type { EvaluationProtocol } from "./evaluation.ts";

/** The file is no protocol; the message names the place. */
export class EvaluationProtocolError extends Error {
  override readonly name = "EvaluationProtocolError";
}

/**
 * Checks what `JSON.parse` gave. Photos are paths inside the set; twins (`siblings`) may be absent.
 * @throws EvaluationProtocolError with the path of the first wrong value.
 */
export function parseProtocol(value: unknown): EvaluationProtocol {
  if (!isRecord(value)) throw wrong("the file", "an object");
  return {
    gallery: people(value, "gallery"),
    distractors: people(value, "distractors"),
    probes: pairs(value, "probes"),
    single_shot_probes: pairs(value, "single_shot_probes"),
    impostors: list(value["impostors"], "impostors").map((photo, i) => photoPath(photo, `impostors[${i}]`)),
    siblings: value["siblings"] === undefined ? [] : siblings(value["siblings"]),
  };
}

function people(protocol: Record<string, unknown>, key: string): Record<string, readonly string[]> {
  const value = protocol[key];
  if (!isRecord(value)) throw wrong(key, "an object of person → photos");
  return Object.fromEntries(
    Object.entries(value).map(([person, photos]) => [
      person,
      list(photos, `${key}.${person}`).map((photo, i) => photoPath(photo, `${key}.${person}[${i}]`)),
    ]),
  );
}

function pairs(protocol: Record<string, unknown>, key: string): readonly (readonly [string, string])[] {
  return list(protocol[key], key).map((pair, i) => {
    const [person, photo, ...rest] = list(pair, `${key}[${i}]`);
    if (typeof person !== "string" || rest.length > 0) throw wrong(`${key}[${i}]`, "[person, photo]");
    return [person, photoPath(photo, `${key}[${i}][1]`)] as const;
  });
}

function siblings(value: unknown): readonly (readonly [string, string])[] {
  return list(value, "siblings").map((pair, i) => {
    const [one, other, ...rest] = list(pair, `siblings[${i}]`);
    if (typeof one !== "string" || typeof other !== "string" || rest.length > 0)
      throw wrong(`siblings[${i}]`, "[person, person]");
    return [one, other] as const;
  });
}

/** A path that leaves the set would read a file that nobody meant. */
function photoPath(value: unknown, place: string): string {
  if (typeof value !== "string" || value === "") throw wrong(place, "a photo's path");
  if (value.startsWith("/") || value.split("/").includes(".."))
    throw wrong(place, "a photo's path inside the set");
  return value;
}

function list(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(place, "a list");
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(place: string, expected: string): EvaluationProtocolError {
  return new EvaluationProtocolError(`the protocol is wrong at ${place}: expected ${expected}`);
}
