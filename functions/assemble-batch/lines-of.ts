import { linePartsOf } from '../../models/data/lines.ts';

/** Longer than any line that is put down here. */
const wholeBytes = 2 ** 28;

/** The lines of an object that was written here. */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  async function* buffers() {
    for await (const chunk of source) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  for await (const { line, text } of linePartsOf(buffers(), wholeBytes)) {
    if (text === undefined) throw new Error(`line ${line} is not UTF-8`);
    yield text;
  }
}
