import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const script = join(import.meta.dirname, 'baselines', 'pytorch_denoise_step.py');

const answerSchema = z.object({
  torch: z.string(),
  threads: z.int(),
  results: z.array(
    z.object({ type: z.string(), lanes: z.int(), rows: z.int(), median: z.number(), least: z.number() }),
  ),
});

export interface PytorchSteps {
  readonly vocabulary: number;
  readonly lanes: readonly number[];
  /** Of each lane. */
  readonly rows?: readonly number[];
  /** Cached keys of each lane. */
  readonly context?: number;
  readonly types?: readonly ('fp32' | 'bf16')[];
  /** PyTorch's own choice when absent. */
  readonly threads?: number;
  /** For each measurement. */
  readonly seconds?: number;
}

/** Times of a denoise step in PyTorch, in milliseconds, for each type, number of rows and of lanes at once. */
export async function pytorchSteps(python: string, asked: PytorchSteps): Promise<z.infer<typeof answerSchema>> {
  const options = Object.entries(asked).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await promisify(execFile)(python, [script, ...options]);
  return answerSchema.parse(JSON.parse(stdout));
}
