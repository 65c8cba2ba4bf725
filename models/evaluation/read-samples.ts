import { z } from 'zod';
import { readJsonRows } from '../data/rows.ts';

const sampleSchema = z.object({ prompt: z.string(), text: z.string(), weight: z.number().optional() });

/** A text as `slingshot evaluate text --out` writes it. */
export type WrittenSample = z.infer<typeof sampleSchema>;

/** @throws BadRow by file and line */
export async function readSamples(file: string): Promise<WrittenSample[]> {
  const expected = 'a JSON object with "prompt" and "text"';
  const rows = readJsonRows([file], { policy: 'fail' }, expected, (row) => sampleSchema.safeParse(row).data);
  const samples: WrittenSample[] = [];
  for await (const row of rows) samples.push(row);
  return samples;
}
