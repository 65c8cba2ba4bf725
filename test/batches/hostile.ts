import { gzipSync } from 'node:zlib';
import { batchLimits } from '../../functions/contracts/batch/row.ts';
import { BadFile } from '../../functions/validate-batch/input-bytes.ts';
import { readRows } from '../../functions/validate-batch/read-rows.ts';

const MiB = 2 ** 20;
const good = (i: number) => JSON.stringify({ id: `row-${i}`, prompt: 'To create a queue' });
const rows = (count: number, line: (i: number) => string = good) => Array.from({ length: count }, (_, i) => line(i));
const text = (lines: readonly string[], end = '\n') => Buffer.from(lines.join(end));

type Random = () => number;

/** Numbers that look like chance, the same each time. */
function randomFrom(seed: number): Random {
  let state = seed + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** What people send, by accident or on purpose. */
const kinds: Readonly<Record<string, (random: Random) => Buffer>> = {
  'cut gzip': (random) => {
    const packed = gzipSync(text(rows(300)));
    return packed.subarray(0, 2 + Math.floor(random() * (packed.length - 4)));
  },
  'gzip with a flipped bit': (random) => {
    const packed = Buffer.from(gzipSync(text(rows(300))));
    packed[10 + Math.floor(random() * (packed.length - 10))] ^= 1 << Math.floor(random() * 8);
    return packed;
  },
  'gzip bomb': (random) => gzipSync(Buffer.alloc(batchLimits.unpackedFirstBytes * (2 + Math.floor(2 * random())), 32)),
  'gzip of gzip': () => gzipSync(gzipSync(text(rows(10)))),
  'UTF-16': (random) => Buffer.from(`${random() < 0.5 ? '\ufeff' : ''}${rows(5).join('\n')}`, 'utf16le'),
  'Latin-1': () => Buffer.from(rows(5, (i) => JSON.stringify({ id: String(i), prompt: 'Grüße' })).join('\n'), 'latin1'),
  'a line of 50 MB': (random) =>
    Buffer.concat([text([good(0), '']), Buffer.alloc(50e6, random() < 0.5 ? 'a' : '{"a":'), text(['', good(1)])]),
  'mixed line ends': (random) =>
    Buffer.from(
      rows(200)
        .map((line) => line + ['\n', '\r\n', '\n\n', '\r'][Math.floor(4 * random())])
        .join(''),
    ),
  '100,000 bad rows': (random) => text(rows(100_000, (i) => (random() < 0.5 ? '{' : `{"id": "${i}"}`))),
  'path tricks in names': () =>
    text(
      rows(50, (i) => JSON.stringify({ id: `../../tenants/other/${'../'.repeat(i)}etc/passwd\u0000`, prompt: 'a' })),
    ),
  'deep JSON': (random) => text(rows(20, () => '['.repeat(1 + Math.floor(random() * 200_000)))),
  'odd members': () =>
    text(rows(50, (i) => `{"__proto__": {"prompt": "a"}, "id": "${i}", "constructor": 1, "prompt": {"length": 1e9}}`)),
  'large numbers': () => text(rows(50, () => '{"prompt": "a", "max_tokens": 1e308, "seed": -1, "n": 1e99}')),
  'bytes at random': (random) => Buffer.from(Array.from({ length: 20_000 }, () => Math.floor(256 * random()))),
  'no line end for 3 MB': () => Buffer.from(`{"prompt": "${'a'.repeat(3e6)}`),
  'one id': () => text(rows(2000, () => '{"id": "same", "prompt": "a"}')),
  'a table': () => Buffer.from('id,prompt\n1,To create a queue\n2,To send a call\n'),
  'one array': () => Buffer.from(JSON.stringify(rows(100).map((line) => JSON.parse(line)))),
  nothing: (random) => (random() < 0.5 ? Buffer.alloc(0) : gzipSync('')),
  'white space': (random) => Buffer.alloc(1 + Math.floor(random() * 3e6), '\n'),
};

/** Some files of each kind: each must give rows with lines and reasons, or a refusal as a whole, in bounded memory. */
export async function proveHostile(files: number): Promise<void> {
  const names = Object.keys(kinds);
  const told = new Map<string, Map<string, number>>();
  const started = performance.now();
  let peak = 0;
  for (let file = 0; file < files; file++) {
    const name = names[file % names.length];
    const outcome = await outcomeOf(kinds[name](randomFrom(file)));
    const own = told.get(name) ?? new Map<string, number>();
    told.set(name, own.set(outcome, (own.get(outcome) ?? 0) + 1));
    peak = Math.max(peak, process.memoryUsage().rss);
    if ((file + 1) % names.length === 0) console.log(`${file + 1} of ${files} files, ${secondsSince(started)} s`);
  }
  for (const [name, outcomes] of told) {
    console.log(`${name}: ${[...outcomes].map(([outcome, count]) => `${outcome} (${count})`).join('; ')}`);
  }
  console.log(
    `${files} hostile files in ${secondsSince(started)} s, ${Math.round(peak / MiB)} MiB of memory at most, files included`,
  );
}

const secondsSince = (started: number) => ((performance.now() - started) / 1000).toFixed(0);

/** @throws what is neither a row, a problem nor a refusal */
async function outcomeOf(bytes: Buffer): Promise<string> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  const codes = new Set<string>();
  let fine = 0;
  let last = 0;
  try {
    for await (const row of readRows(chunks(), { body: { model: 'core' } })) {
      if (row.line <= last) throw new Error(`line ${row.line} after line ${last}`);
      last = row.line;
      if ('row' in row) fine++;
      else if (row.message === '' || row.message.length > 2000)
        throw new Error(`line ${row.line}: ${row.code} says ${row.message}`);
      else codes.add(row.code);
    }
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    return `refused, ${error.code}`;
  }
  return `${fine > 0 ? 'rows' : 'no rows'}${codes.size > 0 ? `, ${[...codes].join(' and ')}` : ''}`;
}
