/** How one end of a line is set. The simulators import no contract of the codecs. */
export interface UartSettings {
  readonly baudRate: number;
  readonly dataBits: 7 | 8;
  readonly parity: "none" | "even" | "odd";
  readonly stopBits: 1 | 2;
}

/**
 * What a tty hands over of bytes that were sent with other settings: the waveform is drawn bit by bit at the sender's
 * pace and sampled in the middle of each bit at the receiver's, as a UART does it.
 * Characters with a framing or parity error are kept, as Linux does it without INPCK and as serialport opens a port; a
 * break is a character of zeros. The line rests before and after.
 */
export function throughUart(bytes: Uint8Array, sender: UartSettings, receiver: UartSettings): Uint8Array {
  const levels = waveform(bytes, sender);
  const stepBits = sender.baudRate / receiver.baudRate;
  const levelAt = (bit: number): number => levels[Math.floor(bit)] ?? 1;
  const received: number[] = [];
  for (let at = 0; ; ) {
    // Only an edge begins a character: after a framing error the line must rest first.
    const rest = levels.indexOf(1, Math.floor(at));
    const edge = rest < 0 ? -1 : levels.indexOf(0, rest);
    if (edge < 0) return Uint8Array.from(received);
    at = edge + stepBits / 2;
    if (levelAt(at) === 1) continue;
    let value = 0;
    for (let bit = 0; bit < receiver.dataBits; bit++) value |= levelAt(at + (1 + bit) * stepBits) << bit;
    received.push(value);
    at += (receiver.dataBits + (receiver.parity === "none" ? 0 : 1) + 1) * stepBits;
  }
}

/** Start bit, data bits from the lowest on, parity, stop bits; a level for each bit. */
function waveform(bytes: Uint8Array, { dataBits, parity, stopBits }: UartSettings): Uint8Array {
  const levels = [1];
  for (const byte of bytes) {
    const data = Array.from({ length: dataBits }, (_, bit) => (byte >> bit) & 1);
    const ones = data.reduce((sum, bit) => sum + bit, 0);
    const parityBits = parity === "none" ? [] : [parity === "even" ? ones & 1 : 1 - (ones & 1)];
    levels.push(0, ...data, ...parityBits, ...Array.from({ length: stopBits }, () => 1));
  }
  return Uint8Array.from(levels);
}
