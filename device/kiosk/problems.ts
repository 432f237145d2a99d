import { STATUS_CODES } from "node:http";
import type { ZodError, ZodType, z } from "zod";
import type { CanteenError } from "../platform/errors.ts";
import type { BilingualText, Problem } from "./protocol.ts";

interface ProblemText {
  readonly status: number;
  readonly message: BilingualText;
  readonly hint: BilingualText;
}

const RELOAD: BilingualText = { zh: "请刷新页面后再试", en: "Reload the page and try again" };
const SIGN_IN: BilingualText = { zh: "请操作员登录", en: "An operator must sign in" };

/** Every answer that is not the asked-for one, with what to do about it. */
const TEXTS = {
  "json-malformed": {
    status: 400,
    message: { zh: "请求不是合法的 JSON", en: "The request is not valid JSON" },
    hint: RELOAD,
  },
  "request-invalid": {
    status: 400,
    message: { zh: "请求内容不符合要求", en: "The request does not have the agreed form" },
    hint: RELOAD,
  },
  "body-too-large": {
    status: 413,
    message: { zh: "内容太大", en: "The body is too large" },
    hint: { zh: "请使用小于 12 MB 的照片", en: "Use a photo under 12 MB" },
  },
  "media-type-unknown": {
    status: 415,
    message: { zh: "不支持这种内容类型", en: "This content type is not taken here" },
    hint: { zh: "照片请用 JPEG、PNG 或 WebP", en: "Send JSON, or a photo as JPEG, PNG or WebP" },
  },
  "route-unknown": {
    status: 404,
    message: { zh: "没有这个地址", en: "There is nothing at this address" },
    hint: { zh: "付款页在 /pay，管理页在 /admin", en: "The pay page is /pay, the operator's page is /admin" },
  },
  "person-unknown": {
    status: 404,
    message: { zh: "没有这个人", en: "There is no such person" },
    hint: { zh: "请重新查找，或等待名单同步", en: "Search again, or wait for the roster to arrive" },
  },
  "enrolment-unknown": {
    status: 404,
    message: { zh: "这次录入已经结束", en: "This enrolment is over" },
    hint: { zh: "请重新开始录入", en: "Begin the enrolment again" },
  },
  "clock-moved": {
    status: 409,
    message: { zh: "时间已经变了，没有确认", en: "The clock has moved on: nothing was confirmed" },
    hint: { zh: "请再看一次时间再按", en: "Read the time again, then press" },
  },
  "camera-unknown": {
    status: 409,
    message: { zh: "本机没有这种摄像头", en: "This terminal has no such camera" },
    hint: { zh: "请在配置文件的 camera 一项中设置", en: "Set it under camera in the configuration" },
  },
  "camera-no-picture": {
    status: 409,
    message: { zh: "摄像头现在没有画面", en: "The camera gives no picture now" },
    hint: { zh: "请检查摄像头，或改用照片", en: "Check the camera, or use a photo" },
  },
  "host-refused": {
    status: 403,
    message: { zh: "不接受这个主机名", en: "This host name is not accepted" },
    hint: { zh: "请用本机地址打开", en: "Open the page by the terminal's own address" },
  },
  "origin-refused": {
    status: 403,
    message: { zh: "不接受来自其他网站的请求", en: "Requests from other sites are not accepted" },
    hint: { zh: "请用本机地址打开", en: "Open the page by the terminal's own address" },
  },
  "sign-in-needed": {
    status: 401,
    message: { zh: "需要操作员登录", en: "An operator must be signed in" },
    hint: SIGN_IN,
  },
  "sign-in-wrong": {
    status: 401,
    message: { zh: "工号或密码不对", en: "Operator id or PIN is wrong" },
    hint: { zh: "请再试一次", en: "Try again" },
  },
  "sign-in-locked": {
    status: 429,
    message: { zh: "试错次数太多，已暂时锁定", en: "Too many wrong attempts: locked for a while" },
    hint: { zh: "请稍后再试", en: "Try again later" },
  },
  "role-refused": {
    status: 403,
    message: { zh: "您的权限不够", en: "Your role does not allow this" },
    hint: { zh: "请换有权限的人登录", en: "Somebody with the right must sign in" },
  },
  "message-too-large": {
    status: 413,
    message: { zh: "消息太大", en: "The message is too large" },
    hint: RELOAD,
  },
  "pay-screen-elsewhere": {
    status: 409,
    message: { zh: "付款已在另一个窗口进行", en: "Another window is the pay screen" },
    hint: { zh: "请关闭多余的窗口", en: "Close the other windows" },
  },
  "screen-changed": {
    status: 409,
    message: { zh: "画面已经变了，没有付款", en: "The screen had changed: nothing was paid" },
    hint: { zh: "请看屏幕再按一次", en: "Look at the screen and press again" },
  },
  "too-many-commands": {
    status: 429,
    message: { zh: "操作太快", en: "Too many commands at once" },
    hint: { zh: "请稍等", en: "Wait a moment" },
  },
  "receiving-elsewhere": {
    status: 409,
    message: { zh: "收货已在另一个窗口进行", en: "Another window is the receiving page" },
    hint: { zh: "请关闭多余的窗口", en: "Close the other windows" },
  },
  "no-receiving-here": {
    status: 404,
    message: { zh: "这台终端不收货", en: "This terminal does not receive goods" },
    hint: { zh: "请在配置 devices 里加上电子秤", en: "Add a scale to devices in the configuration" },
  },
  "cabinet-elsewhere": {
    status: 409,
    message: { zh: "留样柜页面已在另一个窗口打开", en: "Another window is the cabinet's page" },
    hint: { zh: "请关闭多余的窗口", en: "Close the other windows" },
  },
  "no-cabinet-here": {
    status: 404,
    message: { zh: "这台终端没有留样柜", en: "This terminal has no sample cabinet" },
    hint: { zh: "请在配置 cabinets 里加上留样柜", en: "Add one to cabinets in the configuration" },
  },
  "cabinet-unknown": {
    status: 404,
    message: { zh: "没有这台留样柜", en: "There is no such cabinet" },
    hint: RELOAD,
  },
  "label-unknown": {
    status: 404,
    message: { zh: "没有这张标签", en: "There is no such label" },
    hint: { zh: "请在留样记录里查找", en: "Look for the sample in the history" },
  },
  "dates-wrong": {
    status: 400,
    message: { zh: "日期不对", en: "The dates are wrong" },
    hint: { zh: "第一天不能晚于最后一天", en: "The first day cannot come after the last" },
  },
  "too-many-days": {
    status: 400,
    message: { zh: "日期范围太长", en: "These are too many days" },
    hint: { zh: "一份报告最多 400 天", en: "A report covers at most 400 days" },
  },
  "report-under-way": {
    status: 409,
    message: { zh: "另一份报告正在生成", en: "Another report is being made" },
    hint: { zh: "请等它完成，或先取消", en: "Wait until it is made, or cancel it" },
  },
  "report-unknown": {
    status: 404,
    message: { zh: "没有这份报告", en: "There is no such report" },
    hint: { zh: "报告只保留一小时，请重新生成", en: "A report is kept for an hour: make it again" },
  },
  "disk-unsafe": {
    status: 507,
    message: { zh: "磁盘已满或出错", en: "The disk is full or fails" },
    hint: { zh: "请先清理磁盘；收款优先", en: "Free some space first: sales come first" },
  },
  "photo-unknown": {
    status: 404,
    message: { zh: "没有这张照片", en: "There is no such photo" },
    hint: { zh: "照片可能已过保存期", en: "Its time may be over" },
  },
  "photo-missing": {
    status: 410,
    message: { zh: "照片文件不见了", en: "The photo's file is gone" },
    hint: {
      zh: "记录仍然有效，请运行 canteen-edge doctor",
      en: "The record stands: run canteen-edge doctor",
    },
  },
  "photo-changed": {
    status: 410,
    message: { zh: "照片文件被改动过", en: "The photo's file was changed" },
    hint: {
      zh: "记录仍然有效，请运行 canteen-edge doctor",
      en: "The record stands: run canteen-edge doctor",
    },
  },
  "not-in-demo": {
    status: 404,
    message: { zh: "只有演示模式才有", en: "Only the demo has this" },
    hint: { zh: "用 npm start 启动演示", en: "Start the demo with npm start" },
  },
  "terminal-failed": {
    status: 500,
    message: { zh: "终端出错了", en: "The terminal failed" },
    hint: { zh: "请再试；仍不行请联系管理员", en: "Try again; if it stays, call the administrator" },
  },
} as const satisfies Record<string, ProblemText>;

export type ProblemCode = keyof typeof TEXTS;
type ProblemDetails = Pick<Problem, "issues" | "attemptsLeft" | "waitMs">;

/** An answer other than the asked-for one; thrown in a route, sent by the one error handler. */
export class RequestProblem extends Error {
  override readonly name = "RequestProblem";
  readonly status: number;
  readonly problem: Problem;

  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(code);
    this.status = TEXTS[code].status;
    this.problem = problemOf(code, details);
  }
}

export function problemOf(code: ProblemCode, details: ProblemDetails = {}): Problem {
  const { message, hint } = TEXTS[code];
  return { code, message, hint, ...details };
}

/** A fault of the terminal, as the page sees it: its code and its hint, never its message, which is for engineers. */
export function problemOfFault(fault: Pick<CanteenError, "code" | "hint">): Problem {
  const { message } = TEXTS["terminal-failed"];
  return { code: fault.code, message, hint: { zh: fault.hint.zh, en: fault.hint.en } };
}

/** Fastify's own error codes, as ours. */
export function problemCodeOf(fastifyCode: string | undefined, status: number | undefined): ProblemCode {
  switch (fastifyCode) {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return "json-malformed";
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return "body-too-large";
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return "media-type-unknown";
    default:
      return status !== undefined && status < 500 ? "request-invalid" : "terminal-failed";
  }
}

/** Whether `status` has a meaning in HTTP; plugins may throw anything. */
export const isHttpStatus = (status: unknown): status is number =>
  typeof status === "number" && STATUS_CODES[status] !== undefined && status >= 400;

/**
 * Parses a request's part at the border.
 * @throws RequestProblem `request-invalid`, naming each place but no value.
 */
export function parseRequest<Schema extends ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RequestProblem("request-invalid", { issues: issuesOf(parsed.error) });
}

/** Zod's messages name types and bounds, and unknown keys; not values. */
export function issuesOf(error: ZodError): { path: string; message: string }[] {
  return error.issues.slice(0, 10).map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message.slice(0, 200),
  }));
}
