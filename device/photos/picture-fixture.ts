import sharp from "sharp";

/** Pictures of the tests and the bench of this folder: made, of nobody. */

/**
 * A camera's JPEG of heaps of goods: smooth colours with as much fine structure as `noise` says, 0…1. To a detector heaps as
 * large as heads are faces; with a `heapPx` of 9 there is nobody.
 */
export async function madeFrame(
  widthPx: number,
  heightPx: number,
  {
    noise = 0.2,
    seed = 1,
    heapPx = 37,
  }: { readonly noise?: number; readonly seed?: number; readonly heapPx?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const data = new Uint8Array(widthPx * heightPx * 3);
  let state = seed * 2_654_435_761;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const x = Math.floor(at / 3) % widthPx;
    const y = Math.floor(at / 3 / widthPx);
    const smooth =
      128 + 60 * Math.sin((x + seed * 7) / heapPx + (at % 3)) + 50 * Math.cos((y * 1.6) / heapPx - seed);
    data[at] = Math.max(0, Math.min(255, smooth + (state / 2 ** 32 - 0.5) * 255 * noise));
  }
  const jpeg = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .jpeg({ quality: 92 })
    .withExif({ IFD0: { Make: "Acme", Model: "Gate camera" } })
    .toBuffer();
  return new Uint8Array(jpeg);
}
