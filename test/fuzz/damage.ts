import fc from 'fast-check';

/** One change to a file's bytes; places are shares of its length. */
type Edit =
  | { readonly kind: 'set'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'number'; readonly at: number; readonly value: bigint; readonly size: 2 | 4 | 8 }
  | { readonly kind: 'token'; readonly at: number; readonly text: string };

/** fast-check's own doubles are mostly next to 0. */
const place = fc.nat(9999).map((share) => share / 10_000);
const length = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 }));
const bytes = fc.array(fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)), { minLength: 1, maxLength: 12 });
const extremes = [
  0n,
  1n,
  2n ** 16n - 1n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** What may stand in the place of a value, a name or a mark of a text that says something by its form. */
const tokens = [
  ...['null', 'true', '-1', '0', '1e308', '-0', '1e-320', '2147483648', '9007199254740993', '""', '[]', '{}'],
  ...[
    '"__proto__"',
    '"constructor"',
    '"\\ud800"',
    '{"a":',
    '[[[[',
    ']',
    '}',
    ',',
    ':',
    '"',
    "'",
    '\\',
    '\n',
    '\r',
    '\t',
  ],
  ...['NaN', 'Infinity', '\u0000', '\ufeff', '<|endoftext|>', '&a', '*a', '!!js', '---', '- ', '? ', '<<: '],
];

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: place, bytes }),
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('insert' as const), at: place, bytes }),
  fc.record({ kind: fc.constant('remove' as const), at: place, length }),
  fc.record({ kind: fc.constant('repeat' as const), at: place, length, times: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('end' as const), at: place }),
  fc.record({
    ...{ kind: fc.constant('number' as const), at: place },
    ...{ value: fc.constantFrom(...extremes), size: fc.constantFrom(2 as const, 4 as const, 8 as const) },
  }),
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('token' as const), at: place, text: fc.constantFrom(...tokens) }),
  },
);

function apply(input: Buffer, edit: Edit): Buffer {
  const at = Math.min(input.length, Math.floor(edit.at * (input.length + 1)));
  const [before, after] = [input.subarray(0, at), input.subarray(at)];
  switch (edit.kind) {
    case 'set':
      return Buffer.concat([before, Buffer.from(edit.bytes), after.subarray(edit.bytes.length)]);
    case 'flip': {
      const copy = Buffer.from(input);
      if (at < copy.length) copy[at] ^= 1 << edit.bit;
      return copy;
    }
    case 'insert':
      return Buffer.concat([before, Buffer.from(edit.bytes), after]);
    case 'remove':
      return Buffer.concat([before, after.subarray(edit.length)]);
    case 'repeat':
      return Buffer.concat([before, ...Array(edit.times).fill(after.subarray(0, edit.length)), after]);
    case 'end':
      return before;
    case 'number': {
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(edit.value);
      return Buffer.concat([before, number.subarray(0, edit.size), after.subarray(edit.size)]);
    }
    case 'token':
      return replaceToken(input, at, edit.text);
  }
}

/** Puts a text where the word, number or mark at a place stands. */
function replaceToken(input: Buffer, at: number, text: string): Buffer {
  const isWord = (byte: number) => /[\w.+-]/.test(String.fromCharCode(byte));
  let [from, to] = [at, at];
  while (from > 0 && isWord(input[from - 1])) from--;
  while (to < input.length && isWord(input[to])) to++;
  if (to === from) to = Math.min(input.length, to + 1);
  return Buffer.concat([input.subarray(0, from), Buffer.from(text), input.subarray(to)]);
}

/** Damaged copies of good inputs, and now and then bytes of no meaning. */
export function damaged(good: readonly Uint8Array[], count: number, seed: number): Buffer[] {
  const input = fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((random) => Buffer.from(random)) },
    {
      weight: 30,
      arbitrary: fc
        .tuple(fc.constantFrom(...good), fc.array(edit, { minLength: 1, maxLength: 5 }))
        .map(([bytes, edits]) => edits.reduce(apply, Buffer.from(bytes))),
    },
  );
  return fc.sample(input, { numRuns: count, seed });
}
