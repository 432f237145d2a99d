/**
 * An empty scene: a uniform mid-grey JPEG, made without a codec (ITU-T T.81 baseline, one component).
 * Mid-grey is DC difference 0 in every block, so the scan is nothing but "category 0, end of block" per block;
 * with Huffman tables of one 1-bit code each, that is two zero bits.
 */
export function greyJpeg(widthPx: number, heightPx: number): Uint8Array<ArrayBuffer> {
  const blockCount = Math.ceil(widthPx / 8) * Math.ceil(heightPx / 8);
  const word = (value: number): number[] => [value >> 8, value & 0xff];
  const quantisation = [0xff, 0xdb, ...word(67), 0, ...Array<number>(64).fill(16)];
  const frame = [0xff, 0xc0, ...word(11), 8, ...word(heightPx), ...word(widthPx), 1, 1, 0x11, 0];
  const oneCodeTable = (id: number): number[] => [
    0xff,
    0xc4,
    ...word(20),
    id,
    1,
    ...Array<number>(15).fill(0),
    0,
  ];
  const scanHeader = [0xff, 0xda, ...word(8), 1, 1, 0x00, 0, 63, 0];
  const scan = new Uint8Array(Math.ceil((blockCount * 2) / 8));
  // What is left of the last byte is padded with ones.
  const paddingBits = scan.length * 8 - blockCount * 2;
  scan[scan.length - 1] = (1 << paddingBits) - 1;
  const head = [
    0xff,
    0xd8,
    ...quantisation,
    ...frame,
    ...oneCodeTable(0x00),
    ...oneCodeTable(0x10),
    ...scanHeader,
  ];
  return Uint8Array.from([...head, ...scan, 0xff, 0xd9]);
}
