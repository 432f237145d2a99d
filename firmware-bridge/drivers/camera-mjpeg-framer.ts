import { FRAME_BYTES_MAX, isWholeJpeg } from "./camera-channel.ts";

/** Part headers are a few lines; more than this without an empty line is not a camera. */
const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_END = Buffer.from("\r\n\r\n");

export interface MjpegFramerCounts {
  readonly frames: number;
  /** Parts that were cut off, no JPEG, or too large. */
  readonly broken: number;
}

/**
 * Cuts a `multipart/x-mixed-replace` body into JPEG pictures (RFC 2046 framing, as IP cameras send it).
 * A part with a Content-Length is handed on as soon as it is whole; a part without, when the next boundary comes.
 * What is no whole JPEG is counted and skipped: the framer finds its step again at the next boundary, never throws,
 * and its buffer never grows past one frame and its headers.
 */
export class MjpegFramer {
  #buffer: Buffer = Buffer.alloc(0);
  #frames = 0;
  #broken = 0;
  readonly #delimiter: Buffer;
  readonly #frameBytesMax: number;

  /** @param boundary as in the Content-Type header; cameras write it with and without its leading dashes. */
  constructor(boundary: string, frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#delimiter = Buffer.from(`--${boundary.replace(/^-+/, "")}`);
    this.#frameBytesMax = frameBytesMax;
  }

  counts(): MjpegFramerCounts {
    return { frames: this.#frames, broken: this.#broken };
  }

  /** @returns the pictures that this chunk completed, oldest first, each in a buffer of its own. */
  push(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffer, chunk]);
    const pictures: Uint8Array<ArrayBuffer>[] = [];
    for (let part = this.#nextPart(); part !== undefined; part = this.#nextPart()) {
      if (part !== null) pictures.push(part);
    }
    return pictures;
  }

  /** @returns a picture, `null` when something was skipped and more may follow, `undefined` when bytes are missing. */
  #nextPart(): Uint8Array<ArrayBuffer> | null | undefined {
    const start = this.#buffer.indexOf(this.#delimiter);
    if (start < 0) return this.#skipTo(this.#buffer.length - this.#delimiter.length);
    const headersStart = start + this.#delimiter.length;
    const headersEnd = this.#buffer.indexOf(HEADERS_END, headersStart);
    if (headersEnd < 0 || headersEnd - headersStart > HEADER_BYTES_MAX) {
      if (this.#buffer.length - headersStart <= HEADER_BYTES_MAX) return undefined;
      return this.#brokenUpTo(headersStart);
    }
    const bodyStart = headersEnd + HEADERS_END.length;
    const lengthStated = contentLength(this.#buffer.subarray(headersStart, headersEnd).toString("latin1"));
    if (lengthStated !== undefined && lengthStated <= this.#frameBytesMax) {
      const body = this.#buffer.subarray(bodyStart, bodyStart + lengthStated);
      if (isWholeJpeg(body) && body.length === lengthStated)
        return this.#take(body, bodyStart + lengthStated);
    }
    return this.#partUpToBoundary(bodyStart, lengthStated);
  }

  /** The stated length is missing, not there yet, or does not fit the bytes: the next boundary decides. */
  #partUpToBoundary(
    bodyStart: number,
    lengthStated: number | undefined,
  ): Uint8Array<ArrayBuffer> | null | undefined {
    const next = this.#buffer.indexOf(this.#delimiter, bodyStart);
    if (next < 0) {
      if (this.#buffer.length - bodyStart <= this.#frameBytesMax) return undefined;
      return this.#brokenUpTo(this.#buffer.length);
    }
    const body = withoutLineEnd(this.#buffer.subarray(bodyStart, next));
    const isTooShort = lengthStated !== undefined && body.length < lengthStated;
    if (isTooShort || body.length > this.#frameBytesMax || !isWholeJpeg(body)) return this.#brokenUpTo(next);
    return this.#take(body, next);
  }

  #take(body: Uint8Array, end: number): Uint8Array<ArrayBuffer> {
    const picture = new Uint8Array(body.length);
    picture.set(body);
    this.#frames += 1;
    this.#buffer = this.#buffer.subarray(end);
    return picture;
  }

  #brokenUpTo(end: number): null {
    this.#broken += 1;
    this.#buffer = this.#buffer.subarray(end);
    return null;
  }

  #skipTo(end: number): undefined {
    // A delimiter may be half there: its length is kept.
    if (end > 0) this.#buffer = this.#buffer.subarray(end);
    return undefined;
  }
}

function contentLength(headers: string): number | undefined {
  const found = /^content-length:[ \t]*(\d{1,9})[ \t]*$/im.exec(headers);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

function withoutLineEnd(body: Buffer): Buffer {
  if (body.at(-1) !== 0x0a) return body;
  return body.subarray(0, body.at(-2) === 0x0d ? -2 : -1);
}
