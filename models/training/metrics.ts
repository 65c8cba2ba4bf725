import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../files/atomic-write.ts';
import { writeError } from '../files/write-error.ts';
import type { ValidationLoss } from './validator.ts';

/** One line of metrics.jsonl. */
export interface Metrics {
  readonly step: number;
  readonly tokens: number;
  /** Mean cross-entropy in nats a token since the last line, overall and by fifth of t (null: nothing was drawn there). */
  readonly loss: number;
  readonly lossByRange: readonly (number | null)[];
  readonly validation?: ValidationLoss;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens a second since the last line, and seconds of training in all. */
  readonly tokensPerSecond: number;
  readonly seconds: number;
}

const file = 'metrics.jsonl';

/** What every line must have to be placed; figures that are not numbers are null in JSON. */
const lineSchema = z.looseObject({ step: z.int().positive(), lossByRange: z.array(z.number().nullable()) });

export async function appendMetrics(folder: string, metrics: Metrics): Promise<void> {
  const path = join(folder, file);
  try {
    await appendFile(path, `${JSON.stringify(metrics)}\n`);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

/** The lines of a run; what is no line, such as one that a kill cut off, is left out. */
export async function readMetrics(folder: string): Promise<Metrics[]> {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return (await readFile(path, 'utf8')).split('\n').flatMap((line) => {
    try {
      return [lineSchema.parse(JSON.parse(line)) as unknown as Metrics];
    } catch {
      return [];
    }
  });
}

/** Lines past the checkpoint will be written again. */
export async function dropMetricsAfter(folder: string, step: number): Promise<void> {
  const path = join(folder, file);
  if (!existsSync(path)) return;
  const kept = (await readMetrics(folder)).filter((metrics) => metrics.step <= step);
  await writeAtomically(path, kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
}
