import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { StepMessage } from '../../functions/contracts/generation.ts';
import { stepsToRun } from '../../models/ssd2/halting.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { isInteractive, printable, shown } from './printable.ts';

/** Shows a generation as it goes on. */
export interface GenerationView {
  step(step: StepMessage): void;
  /** Settles once everything shown is written; leaves the finished text to the caller. */
  finish(): Promise<void>;
}

export interface ViewOptions {
  readonly prompt: string;
  readonly steps: number;
  readonly stopAt: number;
}

const barWidth = 24;

/** On a terminal: the block refines in place, tokens that still change in grey. */
export function terminalView(stream: NodeJS.WriteStream, tokenizer: Tokenizer, options: ViewOptions): GenerationView {
  const update = createLogUpdate(stream);
  const blocks: string[] = [];
  const total = stepsToRun(options.steps, options.stopAt);
  let drawing = Promise.resolve();
  const draw = async ({ block, step, t, tokens, changed, confidence }: StepMessage) => {
    const pieces = await Promise.all(tokens.map(async (id) => printable(await tokenizer.decode([id]))));
    const unsettled = new Set(changed);
    blocks[block] = pieces.map((piece, i) => (unsettled.has(i) ? styleText('gray', piece) : piece)).join('');
    const filled = Math.round((barWidth * (step + 1)) / total);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const sure = `${Math.round(100 * confidence)} % sure`;
    const status = `block ${block + 1}  ${bar}  step ${step + 1}/${total}  t = ${t.toFixed(2)}  ${sure}`;
    update(`${styleText('bold', printable(options.prompt))}${blocks.join('')}\n\n${styleText('cyan', status)}`);
  };
  return {
    step(message) {
      drawing = drawing.then(() => draw(message));
    },
    async finish() {
      await drawing;
      update.clear();
      update.done();
    },
  };
}

/** Without a terminal that moves its cursor: a line for about six steps of a block. */
export function lineView(stream: NodeJS.WriteStream, tokenizer: Tokenizer, options: ViewOptions): GenerationView {
  const every = Math.max(1, Math.round(stepsToRun(options.steps, options.stopAt) / 6));
  let writing = Promise.resolve();
  return {
    step({ block, step, t, tokens }) {
      if (step % every !== 0) return;
      writing = writing.then(async () => {
        const text = shown(await tokenizer.decode(tokens), stream).replaceAll(/\s+/g, ' ');
        stream.write(`block ${block + 1}  t = ${t.toFixed(2)}  ${text}\n`);
      });
    },
    finish: () => writing,
  };
}

export function viewFor(stream: NodeJS.WriteStream, tokenizer: Tokenizer, options: ViewOptions): GenerationView {
  return isInteractive(stream) ? terminalView(stream, tokenizer, options) : lineView(stream, tokenizer, options);
}
