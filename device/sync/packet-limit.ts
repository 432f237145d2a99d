/**
 * Watches the bytes that a broker sends and tells when an MQTT packet announces more than `bytesMax`.
 *
 * MQTT 3.1.1 has no way to ask the broker for a limit, and the parser in mqtt.js collects up to 256 MB before it
 * hands a packet over. The fixed header names the length up front (OASIS MQTT 3.1.1, section 2.2.3), so the
 * connection can be dropped before the memory is spent.
 */
export class PacketLimit {
  readonly #bytesMax: number;
  /** Bytes of the current packet that are still to come. */
  #bytesLeft = 0;
  /** Length digits read so far of a header that arrived in pieces; -1 before the type byte. */
  #digits = -1;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns false once a packet is larger than allowed, or its length field is no valid one. */
  accept(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#bytesLeft > 0) {
        const skipped = Math.min(this.#bytesLeft, chunk.byteLength - at);
        this.#bytesLeft -= skipped;
        at += skipped;
      } else if (!this.#header(chunk[at++] ?? 0)) {
        return false;
      }
    }
    return true;
  }

  #header(byte: number): boolean {
    if (this.#digits < 0) {
      this.#digits = 0;
      this.#length = 0;
      return true;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#digits;
    this.#digits += 1;
    if ((byte & 0x80) !== 0) return this.#digits < 4;
    this.#digits = -1;
    this.#bytesLeft = this.#length;
    return this.#length <= this.#bytesMax;
  }
}
