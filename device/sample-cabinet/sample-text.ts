import type { Hint } from "../platform/errors.ts";
import type { EarlyReason, LeaveRefusal, SampleState, TakeRefusal, VoidReason } from "./samples-port.ts";

/** What is shown for each reason and state; the page and the report use the same words. */

export const TAKE_REFUSAL_TEXTS: Readonly<Record<TakeRefusal, Hint>> = {
  "wrong-step": { zh: "当前步骤不能这样操作", en: "Not possible at this step." },
  "clock-untrusted": { zh: "时间未核实，请先确认时钟", en: "The clock is not confirmed yet." },
  "disk-unsafe": { zh: "存储空间不足，无法记录", en: "The disk is too full to record anything." },
  "no-free-slot": { zh: "留样柜没有空位，请先处理到期样品", en: "No slot is free: dispose of what is due." },
  "dish-unknown": { zh: "该餐次没有这道菜", en: "That meal has no such dish." },
  "meal-not-begun": { zh: "该餐次还没开始备餐", en: "That meal is not being prepared yet." },
  "already-sampled": { zh: "这道菜已经留样", en: "This dish has its sample already." },
  "container-unknown": { zh: "没有这种留样盒", en: "There is no such container." },
  "no-scale": { zh: "没有连接留样秤", en: "No scale is connected." },
  "scale-silent": { zh: "留样秤没有读数", en: "The scale says nothing." },
  "not-stable": { zh: "重量不稳定，请稍候", en: "The weight is not stable yet." },
  "not-grams": { zh: "秤的读数无法换算成克", en: "The scale's reading is no weight in grams." },
  "pan-not-cleared": { zh: "请先取下上一份样品", en: "Take the sample before off the pan first." },
  "too-light": { zh: "不足规定重量", en: "Less than the least weight." },
  "too-heavy": { zh: "超过最大重量，请检查", en: "More than the most weight: please check." },
  "slot-unknown": { zh: "没有这个格位", en: "There is no such slot." },
  "slot-taken": { zh: "该格位已有样品", en: "That slot holds a sample." },
};

export const LEAVE_REFUSAL_TEXTS: Readonly<Record<LeaveRefusal, Hint>> = {
  "disk-unsafe": { zh: "存储空间不足，无法记录", en: "The disk is too full to record anything." },
  "nothing-chosen": { zh: "没有选择样品，或选择过多", en: "No sample was chosen, or too many." },
  "sample-unknown": { zh: "没有这份样品", en: "There is no such sample." },
  "already-gone": { zh: "这份样品已不在柜中", en: "This sample has left already." },
  "reason-missing": { zh: "请填写原因", en: "Please give the reason." },
  "too-early": { zh: "未满留样时间", en: "Its hours are not over." },
  "hours-unproven": {
    zh: "时钟曾被调整或未核对，无法证明已满留样时间",
    en: "The clock was set or not compared: that its hours are over cannot be proven.",
  },
  "custody-incomplete": {
    zh: "请填写机关名称、执法人员、文书编号和封条号",
    en: "Authority, officer, document and seal number are all needed.",
  },
};

export const EARLY_REASON_TEXTS: Readonly<Record<EarlyReason, Hint>> = {
  "container-broken": { zh: "留样盒破损", en: "container broken" },
  spoiled: { zh: "样品变质或受污染", en: "spoiled or contaminated" },
  "cabinet-failed": { zh: "留样柜故障", en: "cabinet failed" },
  "clock-unproven": { zh: "时间已到但无法核实", en: "hours over, not provable" },
  other: { zh: "其他", en: "other" },
};

export const VOID_REASON_TEXTS: Readonly<Record<VoidReason, Hint>> = {
  "wrong-dish": { zh: "选错菜品", en: "wrong dish" },
  "wrong-slot": { zh: "放错格位", en: "wrong slot" },
  "wrong-weight": { zh: "称重有误", en: "wrong weight" },
  "stored-twice": { zh: "重复登记", en: "stored twice" },
  other: { zh: "其他", en: "other" },
};

export const SAMPLE_STATE_TEXTS: Readonly<Record<SampleState, Hint>> = {
  keeping: { zh: "留样中", en: "keeping" },
  due: { zh: "到期可处理", en: "due" },
  overdue: { zh: "逾期未处理", en: "overdue" },
  seized: { zh: "已被调取", en: "seized" },
  disposed: { zh: "已处理", en: "disposed" },
  voided: { zh: "已作废", en: "struck out" },
};
