import { readdirSync } from "node:fs";
import type { CameraState } from "../../../firmware-bridge/ports/camera.ts";
import type { Config } from "../../config/schema.ts";
import { captionFontHere } from "../../photos/caption-strip.ts";
import { systemCode } from "../../platform/errors.ts";
import { createOwnCamera } from "../../terminal-camera.ts";
import { type Check, type Finding, failed, ok, type Subject, skipped } from "./check.ts";

const PHOTO_NAME = /\.(jpe?g|png|webp)$/i;

export const cameraCheck: Check = {
  id: "camera",
  title: { zh: "摄像头", en: "camera" },
  async run({ config, ...subject }, signal) {
    const { camera } = config;
    if (camera.kind === "browser") return skipped("由触摸屏浏览器提供", "the kiosk browser's own");
    return cameraFinding(camera, "camera", subject, signal);
  },
};

export const goodsCameraCheck: Check = {
  id: "goods-camera",
  title: { zh: "收货摄像头", en: "camera of goods" },
  async run({ config, ...subject }, signal) {
    const { camera } = config.receiving;
    if (camera.kind === "same") return skipped("与终端摄像头相同", "the terminal's own");
    return cameraFinding(camera, "receiving.camera", subject, signal);
  },
};

/** Chinese under a photo needs a font; without one the strip has digits and capitals only. */
export const captionFontCheck: Check = {
  id: "caption-font",
  title: { zh: "照片说明字体", en: "font of captions" },
  async run() {
    if ((await captionFontHere()) === "chinese") return ok("有中文字体", "Chinese can be written");
    // No failure: what counts is legible without, and many a terminal takes no photos.
    return skipped(
      "没有中文字体，照片说明只有数字和字母：apt install fonts-noto-cjk",
      "no Chinese font, so captions have digits and capitals only: apt install fonts-noto-cjk",
    );
  },
};

function cameraFinding(
  camera: Exclude<Config["camera"], { readonly kind: "browser" }>,
  key: string,
  subject: Pick<Subject, "demo" | "clock" | "entropy">,
  signal: AbortSignal,
): Finding | Promise<Finding> {
  switch (camera.kind) {
    case "folder":
      return folderCamera(camera.folder, key, subject.demo);
    case "http":
      return httpCamera(camera.url, key, signal);
    case "v4l2":
      return ownCamera(camera, subject, signal);
  }
}

/** Opened as the terminal would, until a picture comes or the camera says why none does. */
async function ownCamera(
  settings: Extract<Config["camera"], { readonly kind: "v4l2" }>,
  { clock, entropy }: Pick<Subject, "clock" | "entropy">,
  signal: AbortSignal,
): Promise<Finding> {
  const camera = createOwnCamera(settings, clock, entropy);
  const settled = new Promise<CameraState>((resolve) => {
    camera.onState((state) => {
      if (state.kind !== "starting") resolve(state);
    });
  });
  await camera.open({ signal });
  const state = await settled;
  await camera.close();
  const { device, widthPx, heightPx } = settings;
  if (state.kind === "live") return ok(`${device}，有画面`, `${device} gives pictures`);
  if (state.kind !== "lost")
    return failed({ zh: `${device}：没有画面`, en: `${device}: no picture` }, NO_PICTURE);
  if (state.code === "camera-in-use")
    return ok(`${device}，正被使用`, `${device} is in use, by the terminal if it runs`);
  return failed(
    { zh: `${device} ${widthPx}×${heightPx}：${state.code}`, en: `${device}: ${state.code}` },
    state.hint,
  );
}

const NO_PICTURE = { zh: "检查摄像头和分辨率设置", en: "Check the camera and its resolution." };

function folderCamera(folder: string, key: string, demo: boolean): Finding {
  const hint = demo
    ? { zh: "运行 npm start 生成示例人像", en: "npm start makes the sample people." }
    : { zh: `检查 ${key}.folder`, en: `Check ${key}.folder.` };
  try {
    const count = readdirSync(folder).filter((name) => PHOTO_NAME.test(name)).length;
    if (count > 0) return ok(`${count} 张照片`, `${count} photos`);
    return failed({ zh: `${folder} 中没有照片`, en: `no photos in ${folder}` }, hint);
  } catch (error) {
    const code = systemCode(error) ?? "?";
    return failed({ zh: `无法读取 ${folder}（${code}）`, en: `cannot read ${folder} (${code})` }, hint);
  }
}

/** Whether pictures come: the type of the answer and its first bytes. */
async function httpCamera(url: string, key: string, signal: AbortSignal): Promise<Finding> {
  const hint = {
    zh: `检查摄像头电源、网线和 ${key}.url`,
    en: `Check the camera's power and cable, and ${key}.url.`,
  };
  try {
    const response = await fetch(url, { signal });
    const type = response.headers.get("content-type") ?? "";
    const reader = response.body?.getReader();
    const first = await reader?.read();
    // A stream of pictures never ends by itself.
    await reader?.cancel();
    if (!response.ok)
      return failed({ zh: `应答 ${response.status}`, en: `answers ${response.status}` }, hint);
    if (!/^(image\/jpeg|multipart\/x-mixed-replace)/.test(type) || (first?.value?.length ?? 0) === 0) {
      return failed({ zh: `不是图像：${type}`, en: `no picture: ${type}` }, hint);
    }
    return ok(type, type);
  } catch (error) {
    const code = systemCode(error instanceof Error ? error.cause : error) ?? "?";
    return failed({ zh: `无法连接（${code}）`, en: `cannot be reached (${code})` }, hint);
  }
}
