import type { Clock } from "./platform/clock.ts";
import type { CameraUse, ServingLineControl, TillHold } from "./serving-line/serving-line-control.ts";

/** Another page that the till's camera serves. */
export interface HoldingPage {
  readonly use: CameraUse;
  /** Whether somebody works there now. Asked often: it must cost nothing and keep no session alive. */
  readonly isAtWork: () => boolean;
}

export interface LineHoldOptions {
  readonly servingLine: Pick<ServingLineControl, "hold">;
  readonly pages: readonly HoldingPage[];
  readonly clock: Pick<Clock, "every">;
}

/** Shorter than a face has to be seen before it is charged. */
const LOOK_PERIOD_MS = 200;

/**
 * In presence mode whoever stands before the camera pays. While it serves another page, whoever works there must not:
 * the line is held as long as they do, and afterwards waits until the place is empty or somebody presses. A diner who
 * is being served is served first.
 */
export function holdLineForPages({ servingLine, pages, clock }: LineHoldOptions): { close(): void } {
  const holds = new Map<CameraUse, TillHold>();
  const look = (): void => {
    for (const { use, isAtWork } of pages) {
      const hold = holds.get(use);
      if (!isAtWork()) {
        holds.delete(use);
        hold?.release({ personId: null });
      } else if (hold === undefined) {
        const given = servingLine.hold(use);
        if (given !== null) holds.set(use, given);
      }
    }
  };
  const looking = clock.every(LOOK_PERIOD_MS, look);
  return { close: () => looking.cancel() };
}
