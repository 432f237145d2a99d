import type { ZodType, z } from "zod";
import { type Problem, problemSchema } from "../../../protocol.ts";

/** The terminal said no, or could not be reached. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code);
    this.problem = problem;
  }
}

const UNREACHABLE: Problem = {
  code: "terminal-unreachable",
  message: { zh: "连不上终端程序", en: "The terminal's program does not answer" },
  hint: { zh: "请稍等后再试", en: "Wait a moment and try again" },
};
const WAIT_MS_MAX = 20_000;

/**
 * One request to the terminal. The session is in a cookie that this script cannot read.
 * @throws ApiProblem with the terminal's own words, or `terminal-unreachable`.
 */
export async function call<Schema extends ZodType>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  answer: Schema,
  body?: object | Blob,
): Promise<z.output<Schema>> {
  const isPhoto = body instanceof Blob;
  const hasBody = body !== undefined;
  const response = await fetch(`/api${path}`, {
    method,
    signal: AbortSignal.timeout(WAIT_MS_MAX),
    ...(hasBody
      ? {
          headers: { "content-type": isPhoto ? body.type || "image/jpeg" : "application/json" },
          body: isPhoto ? body : JSON.stringify(body),
        }
      : {}),
  }).catch(() => undefined);
  if (response === undefined) throw new ApiProblem(UNREACHABLE);
  const value: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiProblem(problemSchema.safeParse(value).data ?? UNREACHABLE);
  return answer.parse(value);
}

/** What to show for anything that was thrown by `call`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiProblem) return error.problem;
  throw error;
}
