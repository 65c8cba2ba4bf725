import { constants } from 'node:os';
import cliProgress from 'cli-progress';
import type { Metrics } from '../../models/training/metrics.ts';
import type { Recipe } from '../../models/training/recipe.ts';
import { print } from '../terminal/output.ts';
import { isInteractive, printable } from '../terminal/printable.ts';

/**
 * A recipe's run with its progress on the terminal; what a signal stops ends with a checkpoint.
 *
 * @returns whether it was run to its end
 */
export async function runOnTerminal(
  recipe: Recipe,
  out: string,
  { corpora, threads }: { readonly corpora: string; readonly threads?: number },
): Promise<boolean> {
  const { runRecipe } = await import('../../models/training/run.ts');
  const onTerminal = isInteractive(process.stderr);
  const stopping = new AbortController();
  let stoppedBy: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stoppedBy = signal;
      stopping.abort();
    });
  }
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% | step {value}/{total} | loss {loss} | {speed} tokens/s | {left} left',
    hideCursor: true,
  });
  let began = 0;
  // A resumed run counts from where it goes on.
  let start: { step: number; at: number } | undefined;
  try {
    const finished = await runRecipe(recipe, out, {
      corpora,
      signal: stopping.signal,
      ...(threads === undefined ? {} : { runtime: { threads } }),
      onBadRow: ({ message }) => process.stderr.write(`skipped: ${printable(message)}\n`),
      onTokenized: (name, documents, tokens) => {
        if (onTerminal) process.stderr.write(`\r${name}: ${documents} documents, ${tokens} tokens\u001b[K`);
      },
      onStart: (tokens, parameters) => {
        if (onTerminal) process.stderr.write('\r\u001b[K');
        print(`${parameters} parameters, ${tokens} tokens of text, ${budget(recipe)}`);
        began = performance.now();
        if (onTerminal) bar.start(1, 0, { loss: '-', speed: '-', left: '-' });
      },
      onStep: (step, steps, loss, tokensPerSecond) => {
        start ??= { step: step - 1, at: began };
        const perStep = (performance.now() - start.at) / 1000 / (step - start.step);
        const left = steps === null ? '?' : duration((steps - step) * perStep);
        bar.setTotal(steps ?? step);
        bar.update(step, { loss: loss.toFixed(3), speed: Math.round(tokensPerSecond), left });
      },
      onMetrics: (metrics) => {
        if (!onTerminal) print(describe(metrics));
      },
    });
    bar.stop();
    // As a shell has it of a process that a signal ended, so that nothing goes on as if there were a model.
    if (!finished && stoppedBy) process.exitCode = 128 + constants.signals[stoppedBy];
    print(finished ? `the model is in ${out}` : `stopped; the checkpoint is in ${out}`);
    return finished;
  } finally {
    bar.stop();
  }
}

function budget({ budget }: Recipe): string {
  return Object.entries(budget)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join();
}

function describe({ step, loss, validation, tokensPerSecond, seconds }: Metrics): string {
  const held = validation ? ` | validation ${validation.loss.toFixed(3)}` : '';
  return `step ${step} | loss ${loss.toFixed(3)}${held} | ${Math.round(tokensPerSecond)} tokens/s | ${duration(seconds)}`;
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
