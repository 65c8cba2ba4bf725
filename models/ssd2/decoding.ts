import * as z from 'zod';
import { formSchema } from './form.ts';
import { haltingSchema } from './halting.ts';
import { projections } from './projection.ts';
import { routingSchema } from './routing.ts';

const tokenIdSchema = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
export const tokenIdsSchema = z.array(tokenIdSchema).readonly();
export const someTokenIdsSchema = z.array(tokenIdSchema).min(1).readonly();
export const countSchema = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
export const seedSchema = z.int().nonnegative();

/** What of a decoding the models themselves must know: a field added here travels with every lane. */
export const modelOptions = {
  /** N, the number of evenly spaced timesteps from 1 down; how many of them run is up to `halting`. */
  steps: countSchema.min(1),
  /** How, where it is not as published; the block's noise is then one for all its steps. */
  form: formSchema.optional(),
};
const modelOptionsSchema = z.object(modelOptions).readonly();
export type ModelOptions = z.infer<typeof modelOptionsSchema>;

/** A model's part in an ensemble. */
const memberSchema = z
  .strictObject({ name: z.string().min(1), coefficient: z.number(), routes: routingSchema })
  .readonly();
export type Member = z.infer<typeof memberSchema>;

/** Who goes on without the other members. */
const fallbackSchema = z
  .strictObject({
    members: z.array(memberSchema).min(1).readonly(),
    /** The first block that is theirs; none so far when absent. */
    from: countSchema.optional(),
    /** Whether a block is theirs, too, in which another member cannot answer. */
    atLoss: z.boolean(),
  })
  .readonly();

/** Whether members see the merged logits of the step before, each its own, or nothing of it. */
export const selfConditionings = ['fused', 'own', 'none'] as const;

/** What stays the same through a generation. */
export const decodingSchema = z
  .strictObject({
    ...modelOptions,
    members: z.array(memberSchema).min(1).readonly(),
    fallback: fallbackSchema.optional(),
    block: countSchema.min(1),
    vocabulary: countSchema.min(1),
    projection: z.enum(projections),
    topP: z.number(),
    /** Of the published form: what the merged logits are divided by before they are projected; 1 when absent. */
    temperature: z.number().gt(0).optional(),
    halting: haltingSchema,
    selfConditioning: z.enum(selfConditionings),
    /** Entries a position that a logits envelope keeps. */
    kept: countSchema.min(1),
  })
  .readonly();
export type Decoding = z.infer<typeof decodingSchema>;

export function modelOptionsOf(decoding: Decoding): ModelOptions {
  const names = Object.keys(modelOptions) as (keyof ModelOptions)[];
  return Object.fromEntries(names.map((name) => [name, decoding[name]])) as ModelOptions;
}

/** The members of a block's ensemble. */
export function membersAt({ members, fallback }: Pick<Decoding, 'members' | 'fallback'>, block: number) {
  return fallback && block >= (fallback.from ?? Number.POSITIVE_INFINITY) ? fallback.members : members;
}
