/** Bytes that byte-level BPE writes as the Latin-1 character of their number; the others take the next free ones. */
const ownLetter = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** The letter that byte-level BPE writes each byte as. */
export const byteLetters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const own = ownLetter.some(([from, to]) => byte >= from && byte <= to);
    return String.fromCharCode(own ? byte : next++);
  });
})();

/** Bytes that no UTF-8 text has. */
export function isNeverInUtf8(byte: number): boolean {
  return byte === 0xc0 || byte === 0xc1 || byte > 0xf4;
}
