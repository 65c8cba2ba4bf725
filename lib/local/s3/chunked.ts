/**
 * The bytes of a body that comes in signed or checked chunks, as SDKs send what they stream (aws-chunked): each has its length
 * in hexadecimal in a line before it, and trailers follow the empty one.
 *
 * @param trailers takes the trailers
 * @throws Error for a body that ends too early, or is none
 */
export async function* withoutChunks(
  source: AsyncIterable<Uint8Array>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  /** Of the chunk that is read; undefined between chunks. */
  let left: number | undefined;
  let ended = false;
  for await (const part of source) {
    rest = Buffer.concat([rest, part]);
    while (rest.length > 0) {
      if (left !== undefined && left > 0) {
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        yield piece;
        continue;
      }
      const end = rest.indexOf('\r\n');
      if (end < 0) break;
      const line = rest.subarray(0, end).toString('latin1');
      rest = rest.subarray(end + 2);
      // The line end after a chunk.
      if (left === 0 && line === '') left = undefined;
      else if (ended) {
        const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
        if (name) trailers.set(name.toLowerCase(), value);
      } else {
        left = Number.parseInt(line, 16);
        if (Number.isNaN(left)) throw new Error(`a chunk of the length ${line.slice(0, 20)}`);
        if (left > 0) continue;
        ended = true;
        left = undefined;
      }
    }
  }
  if (!ended) throw new Error('the body ends in the middle of a chunk');
}
