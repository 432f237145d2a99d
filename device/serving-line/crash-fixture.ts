/** Crashes between any two steps of a piece of work. For tests only. */

export class Crash extends Error {}

/** Runs `work` again and again, crashing at one step further each time, until it gets through. */
export async function crashAtEachStep(
  work: (step: <T>(call: () => T) => T, crashAt: number) => Promise<boolean>,
): Promise<number> {
  for (let crashAt = 1; crashAt < 500; crashAt++) {
    let steps = 0;
    const step = <T>(call: () => T): T => {
      steps += 1;
      if (steps === crashAt) throw new Crash(`before step ${steps}`);
      const result = call();
      steps += 1;
      if (steps === crashAt) throw new Crash(`after step ${steps - 1}`);
      return result;
    };
    if (!(await work(step, crashAt))) return crashAt - 1;
  }
  throw new Error("it never got through");
}
