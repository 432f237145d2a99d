/**
 * The check of Yaohua frames: the XOR as two characters, high nibble first. Nibbles above 9 are `A`…`F`; one
 * reader writes `:`…`?` instead. The XOR sees no two swapped digits.
 * Source: XK3190-A9+ manual, p. 9.
 */
export function nibblesMatch(xor: number, high: number | undefined, low: number | undefined): boolean {
  return nibbleOf(high) === xor >> 4 && nibbleOf(low) === (xor & 0x0f);
}

export function nibblesOf(xor: number): readonly [high: number, low: number] {
  return [characterOf(xor >> 4), characterOf(xor & 0x0f)];
}

function nibbleOf(character: number | undefined): number | null {
  if (character === undefined) return null;
  if (character >= 0x30 && character <= 0x3f) return character - 0x30;
  return character >= 0x41 && character <= 0x46 ? character - 0x37 : null;
}

const characterOf = (nibble: number): number => (nibble <= 9 ? 0x30 : 0x37) + nibble;
