import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { StepMessage } from '../../functions/contracts/generation.ts';
import { stepsToRun } from '../../models/ssd2/halting.ts';
import type { Quality } from '../../models/ssd2/quality.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { colouredBlock } from './mover-colours.ts';
import { isInteractive, printable, shown } from './printable.ts';

/** Shows a generation as it goes on. */
export interface GenerationView {
  step(step: StepMessage): void;
  /** Settles once everything shown is written; leaves the finished text to the caller. */
  finish(): Promise<void>;
}

export interface ViewOptions {
  readonly prompt: string;
  /** Steps a block, where that is known beforehand: a block that settles as it may takes as many as it takes. */
  readonly total: number | null;
}

const barWidth = 24;

/** On a terminal: the block refines in place, tokens that still change in grey, others in the colour of who moved them. */
export function terminalView(stream: NodeJS.WriteStream, tokenizer: Tokenizer, options: ViewOptions): GenerationView {
  const update = createLogUpdate(stream);
  const blocks: string[] = [];
  const { total } = options;
  let drawing = Promise.resolve();
  const draw = async (message: StepMessage) => {
    const { block, step, t, tokens, settled, confidence } = message;
    const pieces = await Promise.all(tokens.map((id) => tokenizer.decode([id])));
    blocks[block] = colouredBlock(pieces, message, { stream });
    const done = total === null ? Math.min(1, (settled ?? step + 1) / usualSteps) : (step + 1) / total;
    const filled = Math.round(barWidth * done);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const sure = `${Math.round(100 * confidence)} % sure`;
    const count = total === null ? `step ${step + 1}` : `step ${step + 1}/${total}  t = ${t.toFixed(2)}`;
    const status = `block ${block + 1}  ${bar}  ${count}  ${sure}`;
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

/** What a block takes that settles token by token. */
const usualSteps = 25;

/** Without a terminal that moves its cursor: a line for about six steps of a block. */
export function lineView(stream: NodeJS.WriteStream, tokenizer: Tokenizer, options: ViewOptions): GenerationView {
  const every = Math.max(1, Math.round((options.total ?? usualSteps) / 6));
  let writing = Promise.resolve();
  return {
    step({ block, step, t, tokens }) {
      if (step % every !== 0) return;
      writing = writing.then(async () => {
        const text = shown(await tokenizer.decode(tokens), stream).replaceAll(/\s+/g, ' ');
        const when = options.total === null ? `step ${String(step + 1).padStart(2)}` : `t = ${t.toFixed(2)}`;
        stream.write(`block ${block + 1}  ${when}  ${text}\n`);
      });
    },
    finish: () => writing,
  };
}

interface Watched {
  readonly prompt: string;
  readonly quality?: Quality | undefined;
  readonly steps: number;
  readonly stopAt: number;
}

/** @param published whether the core decodes as published where no quality is asked for */
export function viewFor(
  stream: NodeJS.WriteStream,
  tokenizer: Tokenizer,
  { prompt, quality, steps, stopAt }: Watched,
  published: boolean,
): GenerationView {
  const known = quality === undefined ? published : quality === 'published';
  const options = { prompt, total: known ? stepsToRun(steps, stopAt) : null };
  return isInteractive(stream) ? terminalView(stream, tokenizer, options) : lineView(stream, tokenizer, options);
}
