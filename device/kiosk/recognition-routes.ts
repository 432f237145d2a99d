import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { KioskServerOptions } from "./kiosk-ports.ts";
import { COUNTER_ROLES, EVERY_ROLE, operatorOf } from "./operator-session.ts";
import type { recognitionAnswerSchema } from "./recognition-schema.ts";

/** Pairs on one page; a gallery with more than that has a fault that a longer list would not show better. */
const LOOK_ALIKES_SHOWN_MAX = 100;

type Answer = z.input<typeof recognitionAnswerSchema>;
type PersonShown = Answer["lookAlikes"][number]["people"][number];

/** Thresholds and look-alikes of this terminal. Names go only to those who may open the list of people. */
export function recognitionRoutes(
  server: FastifyInstance,
  { operators, recognition, roster }: KioskServerOptions,
): void {
  const shown = (personId: string): PersonShown => {
    const { number, displayName, groupName } = roster.person(personId) ?? UNKNOWN;
    return { number, displayName, groupName };
  };

  server.get("/api/recognition", async (request): Promise<Answer> => {
    const { role } = operatorOf(operators, request, EVERY_ROLE);
    const { thresholds, fpirMax, calibration, lookAlikes, state, errorRate } = recognition();
    const { similarityMin, marginMin, source, targetMet } = thresholds;
    const named = COUNTER_ROLES.includes(role) ? lookAlikes.slice(0, LOOK_ALIKES_SHOWN_MAX) : [];
    return {
      similarityMin,
      marginMin,
      source,
      targetMet,
      fpirMax,
      state,
      calibration: calibration === null ? null : calibrationShown(calibration),
      lookAlikeCount: lookAlikes.length,
      lookAlikes: named.map(({ personIds: [a, b], similarity, isProbablySame }) => ({
        people: [shown(a), shown(b)],
        similarity,
        isProbablySame,
      })),
      errorRate,
    };
  });
}

/** Removed from the roster a moment ago; the next calibration forgets them too. */
const UNKNOWN: PersonShown = { number: "?", displayName: "?", groupName: "" };

function calibrationShown(
  calibration: NonNullable<ReturnType<KioskServerOptions["recognition"]>["calibration"]>,
): NonNullable<Answer["calibration"]> {
  const { peopleCount, templateCount, fpir, fnir, cohortShare, curve } = calibration;
  return { peopleCount, templateCount, fpir, fnir, cohortShare, curve };
}
