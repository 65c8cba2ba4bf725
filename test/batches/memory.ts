import { TinyBatches, tokens } from './tiny-batch.ts';

const sizes = [1_000, 3_000, 10_000];
/** What the largest may take of the smallest's memory: it has ten times the rows. */
const most = 1.25;

/** Batches of more and more rows, each to its end, in no more memory. */
export async function proveMemory(folder: string): Promise<void> {
  const batches = await TinyBatches.make(folder);
  const peaks: number[] = [];
  for (const rows of sizes) {
    const run = await batches.start(`${rows} prompts of ${tokens} tokens`, rows);
    const told = await run.end();
    if (!told.startsWith(`completed, ${rows} of ${rows} rows, 0 failed`)) throw new Error(told);
    peaks.push(run.peak);
  }
  const told = sizes.map((rows, i) => `${rows} rows ${peaks[i]} MiB`).join(', ');
  if (peaks[peaks.length - 1] > most * peaks[0]) throw new Error(`memory grows with the rows: ${told}`);
  console.log(`memory does not grow with the rows: ${told}`);
}
