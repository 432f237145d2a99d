import type { Bilingual, RefusalReason } from "./serving-line-port.ts";

/** What the diner reads: what happened, and what to do now. Written for a child in the queue; nobody is blamed. */
export interface RefusalText {
  readonly message: Bilingual;
  readonly hint: Bilingual;
}

const askStaff: Bilingual = {
  zh: "请告诉窗口的老师，他们会帮你。",
  en: "Please tell the staff at the counter; they will help you.",
};

export const REFUSAL_TEXT: Readonly<Record<RefusalReason, RefusalText>> = {
  "till-closed": {
    message: { zh: "这个窗口现在不收款", en: "This till is closed" },
    hint: { zh: "请到旁边的窗口。", en: "Please go to another counter." },
  },
  "camera-in-use": {
    message: {
      zh: "摄像头正用于收货、留样或签字",
      en: "The camera is in use for goods, a sample or a signature",
    },
    hint: { zh: "请稍等，或到旁边的窗口。", en: "Please wait, or go to another counter." },
  },
  "clock-untrusted": {
    message: { zh: "机器还不知道现在几点", en: "The terminal does not know the time yet" },
    hint: {
      zh: "请稍等，或到旁边的窗口。工作人员：请连接网络，或在管理页面的“状态”里确认时间。",
      en: "Please wait or go to another counter. Staff: connect the network, or confirm the time under admin, status.",
    },
  },
  "no-meal-now": {
    message: { zh: "现在不是用餐时间", en: "No meal is being served now" },
    hint: { zh: "请在用餐时间再来。", en: "Please come back at meal time." },
  },
  "person-unknown": {
    message: { zh: "没有找到你的信息", en: "We could not find you" },
    hint: {
      zh: "请再试一次，或者用校园卡、学号和密码。",
      en: "Please try again, or use your card, or your number and PIN.",
    },
  },
  "person-inactive": {
    message: { zh: "你的账户暂时停用", en: "Your account is paused" },
    hint: askStaff,
  },
  "person-kind-not-served": {
    message: { zh: "这个窗口不为你这类用户服务", en: "This counter serves other people" },
    hint: { zh: "请到旁边的窗口。", en: "Please go to another counter." },
  },
  "meal-already-charged": {
    message: { zh: "这一餐已经付过了", en: "This meal is already paid" },
    hint: { zh: "没有再扣钱，直接取餐就好。", en: "Nothing was charged again. Enjoy your meal." },
  },
  "period-blocked-by-guardian": {
    message: { zh: "家长没有选择这一餐", en: "Your family has not chosen this meal" },
    hint: askStaff,
  },
  "allergy-not-confirmed": {
    message: { zh: "这份餐里有你要避开的食物", en: "This meal has something you should avoid" },
    hint: {
      zh: "先别吃，请窗口的老师帮你看一看。",
      en: "Please do not eat it yet. Ask the staff at the counter to have a look.",
    },
  },
  "amount-missing": {
    message: { zh: "还没有输入菜品或金额", en: "No dish or amount was entered yet" },
    hint: { zh: "请等窗口的老师输入后再付款。", en: "Please wait until the staff have entered it." },
  },
  "amount-out-of-range": {
    message: { zh: "金额不对", en: "The amount is not right" },
    hint: {
      zh: "没有扣钱，请窗口的老师重新输入。",
      en: "Nothing was charged. Please ask the staff to enter it again.",
    },
  },
  "charge-limit": {
    message: { zh: "超过了一次可以付的金额", en: "This is more than one payment may be" },
    hint: {
      zh: "没有扣钱。可以少选一样，或请老师帮忙。",
      en: "Nothing was charged. Take one dish less, or ask the staff.",
    },
  },
  "day-limit": {
    message: { zh: "今天可以用的金额不够了", en: "Today's spending limit is reached" },
    hint: {
      zh: "没有扣钱。可以少选一样，或请老师帮忙。",
      en: "Nothing was charged. Take one dish less, or ask the staff.",
    },
  },
  "balance-too-low": {
    message: { zh: "余额不够了", en: "There is not enough money left" },
    hint: {
      zh: "没有扣钱。请老师帮忙，再请家长充值。",
      en: "Nothing was charged. Ask the staff, and your family to top up.",
    },
  },
  "offline-too-long": {
    message: { zh: "机器断网太久，暂停收款", en: "The terminal was offline for too long" },
    hint: {
      zh: "请到旁边的窗口。工作人员：请恢复网络。",
      en: "Please go to another counter. Staff: connect the network.",
    },
  },
  "offline-person-limit": {
    message: { zh: "断网时你可以用的金额用完了", en: "Your limit while the network is down is used up" },
    hint: askStaff,
  },
  "offline-total-limit": {
    message: { zh: "断网时收款已到上限", en: "The terminal's limit while the network is down is used up" },
    hint: {
      zh: "请到旁边的窗口。工作人员：请恢复网络。",
      en: "Please go to another counter. Staff: connect the network.",
    },
  },
  "disk-unsafe": {
    message: { zh: "机器现在不能安全记账", en: "The terminal cannot keep records safely now" },
    hint: {
      zh: "请到旁边的窗口。工作人员：请检查磁盘，并在“最近收款”里核对上一笔。",
      en: 'Please go to another counter. Staff: check the disk, and the last payment under "recent charges".',
    },
  },
};
