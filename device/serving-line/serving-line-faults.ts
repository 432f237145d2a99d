import { CanteenError } from "../platform/errors.ts";

/** What goes wrong with a serving line as a whole. */

export function lineClosed(): CanteenError {
  return new CanteenError("the serving line is closed", {
    code: "serving-line-closed",
    retry: "after-operator",
    hint: { zh: "程序正在退出，请稍后再试。", en: "The program is shutting down; please try again later." },
  });
}

export function mealPlanUnusable(problems: readonly string[]): CanteenError {
  return new CanteenError(`the meal plan cannot be used: ${problems.join("; ")}`, {
    code: "meal-plan-unusable",
    retry: "after-operator",
    hint: {
      zh: `餐次设置有误，请修改后重新启动：${problems.join("；")}`,
      en: `The meal plan is wrong; correct it and start again: ${problems.join("; ")}`,
    },
  });
}
