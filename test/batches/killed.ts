import { readFile } from 'node:fs/promises';
import { TinyBatches } from './tiny-batch.ts';

/** A batch to its end; and the same with its process killed, then a model's, and resumed each time: byte for byte alike. */
export async function proveKilled(folder: string, rows: number): Promise<void> {
  const batches = await TinyBatches.make(folder);
  await (await batches.start('whole', rows)).end();

  const cut = await batches.start('cut', rows);
  const id = await cut.batch();
  await cut.done(0.2 * rows);
  cut.kill();
  console.log(`cut: killed with SIGKILL after ${await cut.rows()} rows`);
  await cut.end();
  const second = batches.resume('cut', id, 'resumed');
  await second.done(0.5 * rows);
  second.killModels();
  console.log(`resumed: its model killed with SIGKILL after ${await second.rows()} rows`);
  await second.end();
  await batches.resume('cut', id, 'resumed again').end();

  const [a, b] = await Promise.all([readFile(batches.out('whole')), readFile(batches.out('cut'))]);
  const ids = b
    .toString()
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one).id);
  if (new Set(ids).size !== rows || ids.length !== rows) throw new Error(`${ids.length} rows came back of ${rows}`);
  if (!a.equals(b)) throw new Error('the batch that was cut off gave something else');
  console.log(`every row once, ${a.length} bytes as of the batch that nobody disturbed`);
}
