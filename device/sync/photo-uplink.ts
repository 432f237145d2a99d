import { Backoff } from "../platform/backoff.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { LanePace } from "./lane-pace.ts";
import type { PhotoReceiptMessage } from "./messages.ts";
import type { PublishOutcome } from "./mqtt-connection.ts";
import type { PhotosAsked } from "./photo-messages.ts";

/** Where the photos come from: `device/photos`, in the words of this lane. */
export interface PhotoSource {
  /** What goes up next; undefined when nothing waits. */
  nextToSend(): { readonly sha256: string } | undefined;
  /** @throws CanteenError `photo-missing`, `photo-changed`, or of the disk. */
  read(sha256: string): Promise<Uint8Array>;
  confirm(sha256: string): void;
  setAside(sha256: string, problem: "photo-missing" | "photo-changed"): void;
  onPending(listener: () => void): () => void;
  /**
   * The cloud has lost these: what is here waits for it once more. Saved when this returns.
   * @throws CanteenError of the disk: nothing was changed.
   */
  sendAgain(hashes: readonly string[]): PhotosAsked;
}

export interface PhotoChunk {
  readonly sha256: string;
  /** Where these bytes belong; with no bytes it only asks what the cloud has. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface PhotoUplinkOptions {
  readonly source: PhotoSource;
  readonly publish: (chunk: PhotoChunk) => Promise<PublishOutcome>;
  /** False while something of more value waits: photos are the last lane. */
  readonly mayGo: () => boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** For tests: chunks of one size, whatever the line. */
  readonly chunkBytesMin?: number;
  /** For tests: the shortest wait for a receipt. */
  readonly receiptWaitMsMin?: number;
}

export const PHOTO_CHUNK_BYTES = 64 * 1024;
const RECEIPT_WAIT = { waitMsMin: 15_000, waitMsMax: 300_000, stableMsMin: 1 };

/** The photo under way. */
interface Sending {
  readonly sha256: string;
  readonly content: Uint8Array;
  /** Null while the cloud is asked where to go on; then how much it has once the chunk under way is there. */
  expected: number | null;
}

/**
 * Carries photos to the cloud, one at a time and one chunk at a time. It begins each with the question how much of it
 * is there already, so that after a restart or a lost line it goes on at the first missing chunk; a receipt that does
 * not come is asked for again, and nothing is sent twice on a guess.
 */
export class PhotoUplink {
  readonly #options: PhotoUplinkOptions;
  readonly #unsubscribe: () => void;
  #backoff: Backoff;
  #connected = false;
  readonly #pace: LanePace;
  #reading = false;
  #closed = false;
  #sending: Sending | null = null;
  #timer: Timer | null = null;

  constructor(options: PhotoUplinkOptions) {
    this.#options = options;
    const { chunkBytesMin } = options;
    this.#pace = new LanePace(
      PHOTO_CHUNK_BYTES,
      chunkBytesMin === undefined ? {} : { bytesMin: chunkBytesMin },
    );
    this.#backoff = this.#freshBackoff();
    this.#unsubscribe = options.source.onPending(() => this.go());
  }

  connected(): void {
    this.#pace.reset();
    this.#connected = true;
    this.go();
  }

  disconnected(): void {
    this.#connected = false;
    this.#stop();
  }

  /** Begins with the next photo where none is under way and the line is free for one. */
  go(): void {
    if (!this.#free()) return;
    this.#reading = true;
    void this.#begin().finally(() => {
      this.#reading = false;
    });
  }

  receive({ sha256, haveBytes, complete, refused }: PhotoReceiptMessage): void {
    const sending = this.#sending;
    if (sending === null || sending.sha256 !== sha256) return;
    if (complete) {
      this.#confirm(sha256);
    } else if (refused !== null) {
      this.#options.logger.error({ code: refused }, "the cloud refused a photo");
      this.#rest();
    } else if (sending.expected === null || haveBytes === sending.expected) {
      this.#backoff = this.#freshBackoff();
      // All of it there and yet not complete: what the cloud has is not this photo, so it begins anew.
      this.#send(sending, haveBytes >= sending.content.byteLength ? 0 : haveBytes);
    }
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.disconnected();
  }

  #freshBackoff(): Backoff {
    const { receiptWaitMsMin: waitMsMin = RECEIPT_WAIT.waitMsMin, entropy } = this.#options;
    return new Backoff({ ...RECEIPT_WAIT, waitMsMin }, entropy);
  }

  #free(): boolean {
    const idle = this.#sending === null && !this.#reading && this.#timer === null;
    return this.#connected && !this.#closed && idle && this.#options.mayGo();
  }

  async #begin(): Promise<void> {
    for (;;) {
      const content = await this.#readNext();
      if (content === null) return;
      if (content === "passed-over") continue;
      if (!this.#connected || this.#closed) return;
      this.#sending = content;
      this.#ask();
      return;
    }
  }

  /** A photo that cannot be read is set aside and does not hold up the others; the disk's fault rests the lane. */
  async #readNext(): Promise<Sending | "passed-over" | null> {
    const { source, logger } = this.#options;
    let sha256 = "";
    try {
      const next = source.nextToSend();
      if (next === undefined) return null;
      sha256 = next.sha256;
      return { sha256, content: await source.read(sha256), expected: null };
    } catch (error) {
      if (!isFault(error)) throw error;
      const { code } = error;
      logger.error({ code, photo: sha256.slice(0, 12) }, "a photo could not be read for the cloud");
      if (code !== "photo-missing" && code !== "photo-changed") {
        this.#rest();
        return null;
      }
      source.setAside(sha256, code);
      return "passed-over";
    }
  }

  #confirm(sha256: string): void {
    this.#stop();
    try {
      this.#options.source.confirm(sha256);
    } catch (error) {
      if (!isFault(error)) throw error;
      // It is asked about again, and the cloud will say again that it has it.
      this.#options.logger.error({ code: error.code }, "a photo's receipt could not be saved");
      this.#rest();
      return;
    }
    this.go();
  }

  /** How much of it is there? */
  #ask(): void {
    const { sha256 } = this.#sending ?? { sha256: "" };
    if (this.#sending !== null) this.#sending.expected = null;
    this.#publish({ sha256, offset: 0, bytes: new Uint8Array(0) });
  }

  #send(sending: Sending, offset: number): void {
    const bytes = sending.content.subarray(offset, offset + this.#pace.bytes);
    sending.expected = offset + bytes.byteLength;
    this.#publish({ sha256: sending.sha256, offset, bytes });
  }

  #publish(chunk: PhotoChunk): void {
    // Whatever becomes of the publish, the receipt decides; without one the cloud is asked.
    const { publish, clock } = this.#options;
    const sentAtMs = clock.mono();
    void Promise.resolve(publish(chunk)).then((outcome) => {
      if (outcome.kind === "acked") this.#pace.answered(chunk.bytes.byteLength, clock.mono() - sentAtMs);
    });
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(this.#backoff.nextWaitMs(), () => {
      this.#timer = null;
      if (this.#sending !== null) this.#ask();
    });
  }

  /** Gives up the photo under way for now. */
  #rest(): void {
    this.#stop();
    this.#timer = this.#options.clock.after(this.#backoff.nextWaitMs(), () => {
      this.#timer = null;
      this.go();
    });
  }

  #stop(): void {
    this.#sending = null;
    this.#timer?.cancel();
    this.#timer = null;
  }
}
