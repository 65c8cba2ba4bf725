import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

export async function appendMetrics(folder: string, metrics: Metrics): Promise<void> {
  await appendFile(join(folder, file), `${JSON.stringify(metrics)}\n`);
}

export async function readMetrics(folder: string): Promise<Metrics[]> {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return (await readFile(path, 'utf8')).split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return []; // the line that a kill cut off
    }
  });
}

/** Lines past the checkpoint will be written again. */
export async function dropMetricsAfter(folder: string, step: number): Promise<void> {
  const kept = (await readMetrics(folder)).filter((metrics) => metrics.step <= step);
  if (kept.length > 0 || existsSync(join(folder, file))) {
    await writeFile(join(folder, file), kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
  }
}
