import { readTexts } from '../models/data/documents.ts';
import { type JudgedText, judgeTexts } from '../models/evaluation/judged-text.ts';
import { promptsOf } from '../models/evaluation/prompts.ts';
import { realSegments } from '../models/evaluation/real-segments.ts';
import { ngramJudge, type TextJudge } from '../models/evaluation/text-judge.ts';
import { wordsOf } from '../models/evaluation/text-metrics.ts';
import { trainJudge } from '../models/evaluation/train-judge.ts';
import type { Form } from '../models/ssd2/form.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import type { Lab } from './lab.ts';
import { type FormSamples, type ModelRoute, sampleByForm } from './sample-by-form.ts';

/** Of each half: what is chosen on the one is reported on the other. */
export const promptCount = 24;
export const promptWords = 30;
export const tokens = 50;
/** Of a block, by a form; one that settles sooner ends sooner. */
const mostPasses = 60;
export const publishedSteps = 32;
export const judgeCharacters = 1e7;

/** A way to decode; as published where there is no form. */
export interface Way {
  readonly name: string;
  readonly form?: Form;
  readonly bestOf?: number;
}

export interface Writer {
  /** Of its models: what its texts are kept by. */
  readonly version: string;
  readonly routes: readonly ModelRoute[];
}

interface Written<W extends Way> extends FormSamples {
  readonly way: W;
}

export interface Judged<W extends Way> extends Written<W> {
  readonly judged: JudgedText;
}

/** Texts by models and ways to decode, after prompts of the core's held-out text, under a judge of other text. */
export class FormBench {
  readonly #lab: Lab;
  readonly #tokenizer: Tokenizer;
  readonly #endOfText: number;
  readonly #prompts: readonly string[];
  #judge: Promise<TextJudge> | undefined;

  private constructor(lab: Lab, tokenizer: Tokenizer, endOfText: number, prompts: readonly string[]) {
    this.#lab = lab;
    this.#tokenizer = tokenizer;
    this.#endOfText = endOfText;
    this.#prompts = prompts;
  }

  static async create(lab: Lab, tokenizer: Tokenizer, endOfText: number): Promise<FormBench> {
    const prompts = await promptsOf(await lab.files('core', 'valid'), 2 * promptCount, promptWords);
    return new FormBench(lab, tokenizer, endOfText, prompts);
  }

  /** Texts by each way after one half of the prompts; those of a run that was stopped are found in the lab's folder. */
  async write<W extends Way>({ version, routes }: Writer, ways: readonly W[], half: 0 | 1): Promise<Written<W>[]> {
    const prompts = this.#prompts.filter((_, i) => i % 2 === half);
    const written: Written<W>[] = [];
    for (const way of ways) {
      const { form, bestOf } = way;
      const options = {
        ...{ steps: form ? mostPasses : publishedSteps, tokens, seed: 1000 * this.#lab.seeds[0] },
        endOfText: this.#endOfText,
        ...(form ? { form } : {}),
        ...(bestOf === undefined ? {} : { bestOf }),
      };
      this.#lab.progress(`writing: ${way.name}`);
      const samples = await this.#lab.kept('decoding', [version, prompts, options], () =>
        sampleByForm(routes, this.#tokenizer, prompts, options),
      );
      written.push({ way, ...samples });
    }
    return written;
  }

  /** Real text of as many words, then what was written. */
  async judge<W extends Way>(written: readonly Written<W>[]): Promise<[JudgedText, ...Judged<W>[]]> {
    this.#judge ??= this.#makeJudge();
    const judge = await this.#judge;
    this.#lab.progress('judging');
    const texts = (split: 'train' | 'valid') => this.#lab.files('core', split).then((files) => readTexts(files));
    const lengths = written.flatMap(({ samples }) => samples.map(({ text }) => wordsOf(text).length));
    const textWords = lengths.sort((a, b) => a - b)[lengths.length >> 1];
    const real = await realSegments(await texts('valid'), { promptWords, textWords, count: 400 });
    const sets = written.map(({ way: { name }, samples }) => ({ name, samples }));
    const [mark, ...judged] = await judgeTexts(sets, real, judge, await texts('train'));
    return [mark, ...written.map((one, i) => ({ ...one, judged: judged[i] }))];
  }

  async #makeJudge(): Promise<TextJudge> {
    this.#lab.progress('training the judge');
    const texts = readTexts(await this.#lab.files('core', 'train'));
    const { model } = await trainJudge(texts, this.#tokenizer, judgeCharacters);
    return ngramJudge(model, this.#tokenizer);
  }
}
