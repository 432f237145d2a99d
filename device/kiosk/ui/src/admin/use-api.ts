import { type Ref, shallowRef } from "vue";
import type { ZodType, z } from "zod";
import type { Problem } from "../../../protocol.ts";
import { call, problemOf } from "../terminal/api.ts";

export interface Api {
  readonly problem: Readonly<Ref<Problem | null>>;
  forget(): void;
  /** @returns undefined after a problem, which is then shown. */
  ask<Schema extends ZodType>(
    method: "GET" | "POST" | "DELETE",
    path: string,
    answer: Schema,
    body?: object | Blob,
  ): Promise<z.output<Schema> | undefined>;
}

/** Requests of the operator's page: a problem is kept to be shown, an ended session is reported. */
export function useApi(onExpired: () => void): Api {
  const problem = shallowRef<Problem | null>(null);
  return {
    problem,
    forget() {
      problem.value = null;
    },
    async ask(method, path, answer, body) {
      problem.value = null;
      try {
        return await call(method, path, answer, body);
      } catch (error) {
        const found = problemOf(error);
        if (found.code === "sign-in-needed") onExpired();
        problem.value = found;
        return undefined;
      }
    },
  };
}
