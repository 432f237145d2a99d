import { z } from "zod";

const filePath = z.string().min(1).max(4096);
const silenceMsMax = z
  .int()
  .min(500)
  .max(60_000)
  .default(3000)
  .describe("Without a frame for this long the camera counts as lost.");
const framePeriodMs = z.int().min(20).max(60_000).default(100).describe("Time between two frames.");

const folderCamera = z.strictObject({
  kind: z.literal("folder"),
  folder: filePath.describe("Photos to show one after another, by name."),
  framePeriodMs: z.int().min(20).max(60_000).default(200).describe("Time between two frames."),
  photoHoldMs: z.int().min(0).max(600_000).default(4000).describe("How long one photo stays."),
});

const httpCamera = z.strictObject({
  kind: z.literal("http"),
  url: z
    .url({
      protocol: /^https?$/,
      error: "http 或 https 地址 / an http or https URL",
    })
    .describe("Address of the stream or of the still picture."),
  framePeriodMs,
  silenceMsMax,
});

const v4l2Camera = z.strictObject({
  kind: z.literal("v4l2"),
  device: z
    .string()
    .regex(/^\/dev\/[A-Za-z0-9/_.:-]{1,200}$/, "/dev 下的设备 / a device below /dev")
    .describe("Best by its name below /dev/v4l/by-id, which stays the same over a replug. Needs ffmpeg."),
  widthPx: z.int().min(160).max(4096).default(1280).describe("Width of the picture."),
  heightPx: z.int().min(120).max(4096).default(720).describe("Height of the picture."),
  framePeriodMs,
  silenceMsMax,
});

/** Whoever pays is looked at with this. */
export const cameraSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("browser")
      .describe(
        "browser: the kiosk browser's webcam. http: a network camera. v4l2: one on this machine, read by ffmpeg. folder: photos, for demonstrations.",
      ),
  }),
  folderCamera,
  httpCamera,
  v4l2Camera,
]);

/** Goods and samples are photographed with this. */
export const goodsCameraSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("same")
      .describe("same: the terminal's own `camera`. Others as there, for a camera over the scale."),
  }),
  folderCamera,
  httpCamera,
  v4l2Camera,
]);
