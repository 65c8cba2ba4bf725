import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fingerprint } from '../data/token-store.ts';
import type { Corpus } from '../data/tokenize.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { Recipe } from './recipe.ts';

export const runIdentitySchema = z.strictObject({
  recipe: z.record(z.string(), z.json()),
  /** Digests of the tokens, and of the weights that the run started from. */
  train: z.string(),
  validation: z.string(),
  chat: z.string().optional(),
  from: z.string().nullable(),
});

/**
 * What a run's figures follow from, and what it can only be resumed with. How long it is, where it runs, how often it
 * is saved and how its model is stored at the end may change; of data, tokenizer and first weights the content counts,
 * not where it lies.
 */
export type RunIdentity = z.infer<typeof runIdentitySchema>;

export function runIdentity(
  recipe: Recipe,
  { train, validation, chat }: { readonly train: Corpus; readonly validation: Corpus; readonly chat?: Corpus },
  from: Weights | undefined,
): RunIdentity {
  const { budget, provider, checkpointEvery, storage, tokenizer, from: directory, data, ...fixed } = recipe;
  const model = 'base' in fixed.model ? { ...fixed.model, base: undefined } : fixed.model;
  return {
    recipe: runIdentitySchema.shape.recipe.parse(JSON.parse(JSON.stringify({ ...fixed, model }))),
    train: fingerprint(train.tokens),
    validation: fingerprint(validation.tokens),
    ...(chat ? { chat: fingerprint(chat.tokens) } : {}),
    from: from ? weightsDigest(from) : null,
  };
}

function weightsDigest(weights: Weights): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

const contents = {
  train: 'it was trained on other data or with another tokenizer',
  validation: 'it was validated on other data',
  chat: 'it was trained on other instructions',
  from: 'it started from other weights',
};

/** The first thing in which two runs differ, or undefined. */
export function differenceOf(before: RunIdentity, now: RunIdentity): string | undefined {
  const member = differingMember(before.recipe, now.recipe, 'recipe');
  if (member) return member;
  const content = (['train', 'validation', 'chat', 'from'] as const).find((name) => before[name] !== now[name]);
  return content && contents[content];
}

/** "recipe.seed was 1 and is 2" */
function differingMember(before: unknown, now: unknown, path: string): string | undefined {
  if (isObject(before) && isObject(now)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const found = differingMember(before[name], now[name], `${path}.${name}`);
      if (found) return found;
    }
    return undefined;
  }
  const [was, is] = [before, now].map((value) => JSON.stringify(value) ?? 'absent');
  return was === is ? undefined : `${path} was ${was} and is ${is}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
