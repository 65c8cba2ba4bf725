import { readRows } from '../../functions/validate-batch/read-rows.ts';

const lineBytes = 2000;
const MiB = 2 ** 20;

/** A file of a gigabyte, or some, that is read to its end: how long it takes, and how much memory. */
export async function proveLarge(gigabytes: number): Promise<void> {
  const wanted = gigabytes * 1e9;
  let bytes = 0;
  async function* source() {
    for (let row = 0; bytes < wanted; ) {
      const lines: string[] = [];
      for (let i = 0; i < 500; i++, row++) {
        // Every hundredth is none.
        const prompt = `${row} ${'queue '.repeat(lineBytes / 6)}`.slice(0, lineBytes);
        lines.push(row % 100 === 99 ? `{"id": ${row}` : JSON.stringify({ id: String(row), prompt }));
      }
      const chunk = Buffer.from(`${lines.join('\n')}\n`);
      bytes += chunk.length;
      yield chunk;
    }
  }
  const started = performance.now();
  let [good, bad, peak] = [0, 0, 0];
  for await (const row of readRows(source(), { body: { model: 'core' } })) {
    if ('row' in row) good++;
    else bad++;
    if ((good + bad) % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    if ((good + bad) % 100_000 === 0)
      console.log(`${good + bad} rows, ${Math.round(peak / MiB)} MiB of memory at most so far`);
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `a file of ${(bytes / 1e9).toFixed(2)} GB: ${good} good rows and ${bad} bad ones in ${seconds.toFixed(0)} s, ` +
      `${Math.round(peak / MiB)} MiB of memory at most`,
  );
}
