/** One test of the guest and how it went. */
export interface Outcome {
  readonly name: string;
  readonly status: string;
  readonly seconds: number;
}

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number;
    }[];
  }[];
}

/**
 * @param json  what vitest's JSON reporter wrote in the guest.
 * @returns each test, and each file that failed without any; a skipped test keeps its status, which is not "passed".
 */
export function readResults(json: string): readonly Outcome[] {
  const report: JsonReport = JSON.parse(json);
  return report.testResults.flatMap((file) => {
    const tests = file.assertionResults.map(({ fullName, status, duration = 0 }) => ({
      name: fullName,
      status,
      seconds: duration / 1000,
    }));
    const brokeDown = file.status !== "passed" && tests.every(({ status }) => status === "passed");
    return brokeDown
      ? [...tests, { name: `${file.name} ${file.message}`, status: "failed", seconds: 0 }]
      : tests;
  });
}

/** A table for a terminal. */
export function tableOf(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ name, status, seconds }) => {
      const mark = status === "passed" ? "✓ passed" : `✗ ${status}`;
      return `${mark.padEnd(9)} ${seconds.toFixed(1).padStart(7)} s  ${name}`;
    })
    .join("\n");
}
