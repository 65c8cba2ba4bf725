import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NgramFileError } from '../../../models/ngram/ngram-file.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';

const documents = [
  [0, 1, 2, 3, 1, 2, 0, 1, 2, 4, 4, 1],
  [3, 1, 2, 0, 2, 2, 1],
];
const bytes = NgramModel.train(documents, { order: 3, vocabulary: 5 }).encode();
const bodyLength = bytes.length - 32;

function signed(body: Uint8Array): Uint8Array {
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

function changed(at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

const refused = (hostile: Uint8Array) => expect(() => NgramModel.decode(hostile));

describe('decoding an n-gram model', () => {
  it('refuses a file cut anywhere, or with something behind it', () => {
    for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length)).toThrow(NgramFileError);
    refused(Buffer.concat([bytes, Buffer.alloc(1)])).toThrow(/it has \d+ bytes, its header speaks of \d+/);
  });

  it('refuses a file with any byte changed', () => {
    for (let at = 0; at < bytes.length; at++) refused(changed(at, bytes[at] ^ 1)).toThrow(NgramFileError);
  });

  it('of any content with the right digest: refuses it, or answers with distributions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bodyLength - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(4), { maxLength: 3 }),
        (changes, context) => {
          const body = bytes.slice(0, bodyLength);
          for (const [at, value] of changes) body[at] = value;
          let model: NgramModel;
          try {
            model = NgramModel.decode(signed(body));
          } catch (error) {
            expect(error).toBeInstanceOf(NgramFileError);
            return;
          }
          const out = new Float32Array(model.vocabulary);
          model.logProbabilities(context, out);
          // The unigram probabilities may be wrong by a thousandth before they are refused.
          expect(out.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 2);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['no bytes', new Uint8Array(0), '0 bytes are too few'],
    ['another format', changed(0, 0x50), 'it does not begin as an n-gram model does'],
    ['a later version', changed(8, 2), 'it is of version 2, this program reads version 1'],
    ['an order of 0', changed(12, 0), 'it is of order 0, expected 1 to 8'],
    ['a huge order', changed(12, 255, 255, 255, 255), 'it is of order 4294967295'],
    ['a huge vocabulary', changed(16, 255, 255, 255, 255), 'its header speaks of'],
    ['huge levels', changed(20, 255, 255, 255, 255), 'its header speaks of'],
    ['a width of 3', changed(24, 3), 'a width of 3 bytes'],
    ['a damaged digest', changed(bytes.length - 1, bytes[bytes.length - 1] ^ 1), 'its digest is not that'],
  ])('%s: says so', (_, hostile, message) => {
    refused(hostile).toThrow(message);
  });

  it('refuses arrays that contradict each other, though the digest is right', () => {
    const at = 20 + 2 * 8;
    const unigramEnd = at + 4 * 5;
    const [followers, words] = [unigramEnd, unigramEnd + 5];
    const edited = (change: (body: Uint8Array, view: DataView) => void) => {
      const body = bytes.slice(0, bodyLength);
      change(body, new DataView(body.buffer));
      return signed(body);
    };
    refused(edited((_, view) => view.setFloat32(at, Number.NaN, true))).toThrow('a unigram probability is NaN');
    refused(edited((_, view) => view.setFloat32(at, 0.9, true))).toThrow('the unigram probabilities sum to');
    refused(edited((body) => body[followers]++)).toThrow(/order 2 has \d+ entries, its histories have \d+/);
    refused(edited((body) => body.fill(9, words, words + 1))).toThrow('order 2 has token 9 of a vocabulary of 5');
    const entries = new DataView(bytes.buffer, bytes.byteOffset).getUint32(20, true);
    const shares = words + entries;
    refused(edited((_, view) => view.setUint16(shares, 0x3f80, true))).toThrow('order 2 has a share of 1');
    refused(edited((_, view) => view.setUint16(shares, 0x8000, true))).toThrow('order 2 has a share of 0');
    refused(edited((_, view) => [0, 2].map((i) => view.setUint16(shares + i, 0x3f40, true)))).toThrow(
      'shares that sum to',
    );
    refused(edited((body) => body.copyWithin(words + 1, words, words + 1))).toThrow('order 2 has tokens out of order');
  });
});
