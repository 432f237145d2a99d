import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take half a minute and more, the longest first. Vitest knows durations only from an earlier run, which a
 * clean checkout does not have; without them a file of four minutes may start last and end alone.
 */
const LONG = [
  "test/crash/terminal-kill.test.ts",
  "test/torture/torture.test.ts",
  "test/end-to-end/bad-input.test.ts",
  "device/kiosk/kiosk-pay.browser.test.ts",
  "device/kiosk/kiosk-cabinet.browser.test.ts",
  "device/kiosk/kiosk-admin.browser.test.ts",
  "device/kiosk/kiosk-receive.browser.test.ts",
  "test/simulation/simulation.test.ts",
  "test/end-to-end/pay-by-face.test.ts",
  "models/conversion/tflite-to-onnx.test.ts",
  "test/end-to-end/receiving.browser.test.ts",
  "models/face-engine.test.ts",
  "test/end-to-end/liveness.test.ts",
  "test/simulation/planted-bugs.test.ts",
  "test/end-to-end/cabinet.browser.test.ts",
];

/** Starts the long files first and leaves the others in vitest's order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONG.findIndex((file) => moduleId.endsWith(`/${file}`));
  return place === -1 ? LONG.length : place;
}
