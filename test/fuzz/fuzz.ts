import { setTimeout as sleep } from 'node:timers/promises';
import { damaged } from './damage.ts';
import { Fault, type Target } from './target.ts';

/** An input that takes longer hangs. */
const hangMilliseconds = 10_000;
const batch = 500;

export interface FuzzResult {
  readonly target: string;
  readonly inputs: number;
  readonly taken: number;
  readonly refused: number;
  /** What went wrong, with the input in base64. */
  readonly faults: readonly { readonly what: string; readonly input: string }[];
  readonly slowestMilliseconds: number;
}

/**
 * Feeds a target damaged inputs.
 *
 * @param onInput called before each input, for whoever has to know which one ended the process
 */
export async function fuzz(
  target: Target,
  count: number,
  seed: number,
  onInput: (input: Buffer, done: number) => void = () => {},
): Promise<FuzzResult> {
  let taken = 0;
  let done = 0;
  let slowest = 0;
  const faults: { what: string; input: string }[] = [];
  for (let start = 0; start < count; start += batch) {
    for (const input of damaged(target.good, Math.min(batch, count - start), seed + start)) {
      onInput(input, done++);
      const started = performance.now();
      try {
        if (await within(Promise.resolve(target.take(input)))) taken++;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        faults.push({ what: error.message, input: input.toString('base64') });
      }
      slowest = Math.max(slowest, performance.now() - started);
    }
  }
  const refused = count - taken - faults.length;
  return { target: target.name, inputs: count, taken, refused, faults, slowestMilliseconds: Math.round(slowest) };
}

async function within(work: Promise<boolean>): Promise<boolean> {
  const late = new AbortController();
  const hang = sleep(hangMilliseconds, undefined, { signal: late.signal, ref: false }).then(
    () => {
      throw new Fault(`no end within ${hangMilliseconds / 1000} s`);
    },
    () => false,
  );
  try {
    return await Promise.race([work, hang]);
  } finally {
    late.abort();
  }
}
