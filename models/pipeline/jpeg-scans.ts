/** How often a JPEG goes over its whole picture: the one cost of decoding that neither its bytes nor its pixels bound. */

const marker = { soi: 0xd8, eoi: 0xd9, sos: 0xda, rst0: 0xd0, rst7: 0xd7, tem: 0x01 } as const;

/**
 * Counts the scans as libjpeg meets them, without decoding (ITU-T T.81, B.1.1 and B.2.3). A segment whose length makes no
 * sense is looked into instead of passed over, so that a damaged file has too many scans rather than too few.
 * @param bytes of a JPEG file. @returns 0 for a file without picture.
 */
export function jpegScanCount(bytes: Uint8Array): number {
  let scans = 0;
  let at = 2;
  for (;;) {
    // Coded data may hold FF only as FF 00 or a restart, so that the next other FF is a marker whatever lies before it.
    at = bytes.indexOf(0xff, at);
    if (at < 0) return scans;
    while (bytes[at] === 0xff) at += 1;
    const code = bytes[at] ?? marker.eoi;
    at += 1;
    if (code === marker.eoi) return scans;
    if (code === 0 || code === marker.tem || code === marker.soi) continue;
    if (code >= marker.rst0 && code <= marker.rst7) continue;
    if (code === marker.sos) scans += 1;
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (length >= 2) at += length;
  }
}
