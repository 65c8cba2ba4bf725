import * as z from 'zod';
import { selfConditionings } from '../../models/ssd2/decoding.ts';
import { saysSomething } from '../../models/ssd2/form.ts';
import { stepsToRun } from '../../models/ssd2/halting.ts';
import { projections } from '../../models/ssd2/projection.ts';
import { formOf, qualities } from '../../models/ssd2/quality.ts';
import { storedSchema } from './stored.ts';

/**
 * The most that one request may cost: positions of a block times steps times members, which is what endpoints compute
 * by. In blocks of 25 positions it is 40,000 calls of an endpoint.
 */
export const largestCost = 1_000_000;

/** The most candidates for one text. */
export const mostCandidates = 8;

/** A tenant's, in the ensemble, where none is asked for. */
export const defaultWeight = 0.5;

/** What a generation does whose tenant's model does not answer: it fails, or goes on with the core alone. */
export const degradations = ['fail', 'core'] as const;
export type Degradation = (typeof degradations)[number];

const name = z.string().max(64);
const text = z.string().refine((value) => value.trim() !== '', 'is empty');

const fields = z.strictObject({
  prompt: text,
  /** The text after the one that is asked for, which then fills the gap between `prompt` and `suffix`. */
  suffix: text.optional(),
  /** Tokens of the gap, where not exactly `tokens`: candidates of several lengths are tried. */
  gap: z
    .strictObject({ least: z.int().min(1), most: z.int().min(1) })
    .refine(({ least, most }) => least <= most, { path: ['most'], error: 'is below least' })
    .readonly()
    .optional(),
  /**
   * Candidates, of which the likeliest is taken; of a gap's, the one after which the suffix is likeliest. 1 where there is
   * no gap to fill, else 8.
   */
  bestOf: z.int().min(1).max(mostCandidates).optional(),
  /** Which of the fleet's cores answers. */
  core: name.default('core'),
  /** The tenant whose model corrects the core. */
  tenant: name.optional(),
  /** The tenant's weight in the ensemble, 0..1. */
  weight: z.number().min(0).max(1).optional(),
  /** How strongly the tenant's private context counts beyond itself: 0 is off. */
  contrast: z.number().min(0).max(10).optional(),
  /** Text that the tenant's model sees before the prompt, and the core does not. */
  context: z.string().optional(),
  /** What becomes of it where the tenant's model does not answer, after all tries; `fail` when absent. */
  degradation: z.enum(degradations).optional(),
  /** Blocks that the tenant's model corrects, from the first on; the rest is the core's alone. All when absent. */
  tenantBlocks: z.int().min(0).max(1_000_000).optional(),
  /** Tokens to generate. */
  tokens: z.int().min(1).default(50),
  /** How a block is decoded; where the core has no next-token logits, only as published, and so by default. */
  quality: z.enum(qualities).optional(),
  /** Of all but the published quality: what the models' logits are divided by. */
  temperature: z.number().gt(0).max(4).optional(),
  /** Of all but the published quality: how far logits are pushed away from the tokens' frequency. */
  sharpen: z.number().min(0).max(4).optional(),
  /** Of all but the published quality: the weights of the denoiser, the next-token draft and the noised tokens' evidence. */
  denoiser: z.number().min(0).max(4).optional(),
  draft: z.number().min(0).max(4).optional(),
  evidence: z.number().min(0).max(4).optional(),
  /** N timesteps from 1 down to 1 / N; early stop leaves `stopAt` of them out. */
  steps: z.int().min(1).max(10_000).default(100),
  stopAt: z.number().min(0).lt(1).default(0.4),
  topP: z.number().gt(0).max(1).default(0.9),
  seed: z.int().min(0).default(0),
  projection: z.enum(projections).default('sample'),
  selfConditioning: z.enum(selfConditionings).default('fused'),
  /** Adaptive halting: steps without change, and nats of mean entropy below which that counts. */
  patience: z.int().min(1).default(8),
  haltEntropy: z.number().min(0).default(0.005),
  /** Denoise steps that one visit to a function runs. */
  visit: z.int().min(1).max(1000).default(1),
});

type Fields = z.output<typeof fields>;

type Tried = Pick<Fields, 'suffix' | 'gap' | 'bestOf'> & {
  /** Unknown where the prompt's length decides. */
  readonly tokens?: number | undefined;
};

/** What is tried where nobody says how long a gap is. */
export const usualGap = { least: 5, most: 15 };

/** The tokens of each candidate, one but where more are asked for: of a gap's lengths some, evenly. */
export function candidateTokens({ tokens = 1, suffix, gap, bestOf }: Tried): number[] {
  const count = bestOf ?? (suffix === undefined ? 1 : mostCandidates);
  const { least, most } = gap ?? { least: tokens, most: tokens };
  return Array.from({ length: count }, (_, i) => Math.round(least + ((most - least) * i) / Math.max(1, count - 1)));
}

type Costly = Tried &
  Pick<Fields, 'steps' | 'stopAt' | 'tenant' | 'contrast'> & { readonly lanes?: readonly unknown[] };

/** The steps that a request runs when it says nothing of them. */
const usualSteps = stepsToRun(fields.shape.steps.parse(undefined), fields.shape.stopAt.parse(undefined));

function boundCost({ value, issues }: z.core.ParsePayload<Costly>): void {
  const { steps, stopAt, tenant, contrast, lanes = [{}] } = value;
  const members = (tenant === undefined ? 1 : contrast ? 3 : 2) * lanes.length;
  const run = stepsToRun(steps, stopAt);
  const candidates = candidateTokens(value);
  const tokens = candidates.reduce((sum, own) => sum + own, 0);
  if (tokens * run * members <= largestCost) return;
  const mostRun = Math.floor(largestCost / (tokens * members));
  const most = Math.floor(mostRun / (1 - stopAt));
  const what = candidates.length === 1 ? `${tokens} tokens` : `${tokens} tokens of ${candidates.length} candidates`;
  const texts = lanes.length === 1 ? '' : ` for ${lanes.length} texts`;
  const models = `${members / lanes.length} ${members === lanes.length ? 'model' : 'models'}`;
  const asked = `${run} steps of ${what} by ${models}${texts}`;
  // Where not even the usual steps have room, the tokens are what is out of all proportion.
  const tooLong = mostRun < usualSteps;
  const path = tooLong ? ['tokens'] : ['steps'];
  const right = tooLong ? 'ask for fewer tokens' : `at most ${most} for as many tokens`;
  issues.push({ code: 'custom', path, input: value, message: `${asked} are more than a request may cost; ${right}` });
}

/** What belongs to a gap needs one, and one has to be chosen for. */
function needSuffix({ value, issues }: z.core.ParsePayload<Tried>): void {
  const { suffix, gap, bestOf } = value;
  const refuse = (field: keyof Tried, message: string) =>
    issues.push({ code: 'custom', path: [field], input: value[field], message });
  if (suffix === undefined && gap !== undefined) refuse('gap', 'needs a suffix, the text after the gap');
  if (suffix !== undefined && bestOf === 1) {
    refuse('bestOf', `is 1; a gap is filled by choosing among 2 to ${mostCandidates} candidates`);
  }
}

type Formed = Pick<Fields, 'quality' | 'denoiser' | 'draft'>;

/** A form must leave something of what the models say, with what its quality sets besides. */
function needPart({ value, issues }: z.core.ParsePayload<Formed>): void {
  const { quality, denoiser, draft } = value;
  const form = formOf(quality ?? 'default');
  if (!form || saysSomething({ denoiser: denoiser ?? form.denoiser, draft: draft ?? form.draft })) return;
  const [path, other] = draft === 0 ? ['draft', 'denoiser'] : ['denoiser', 'draft'];
  const message = `is 0, and so is ${other} in this quality; give one of them a weight above 0`;
  issues.push({ code: 'custom', path: [path], input: 0, message });
}

/** What a caller asks for, and the defaults of all that may be left out. */
export const requestSchema = fields.check(boundCost, needPart, needSuffix);
export type GenerationRequest = z.input<typeof requestSchema>;
export type CompleteRequest = z.output<typeof requestSchema>;

/**
 * The input of the Generate state machine for an operator: a request whose private context stays outside, in the bucket,
 * since an execution's history keeps its input.
 */
export const executionInputSchema = fields
  .extend({
    /** Null for nobody's: states are told by the execution's input, and fail where it says nothing. */
    tenant: name.nullish().transform((tenant) => tenant ?? undefined),
    context: storedSchema.optional(),
    /** Whether to keep reports of the steps. */
    watched: z.boolean().default(false),
  })
  .check(boundCost, needPart, needSuffix);
export type ExecutionInput = z.input<typeof executionInputSchema>;

const messageSchema = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }).readonly();

/** A text to go on from, or a conversation to answer. */
export const promptSchema = z.union([z.string(), z.array(messageSchema).min(1).readonly()]);
export type Prompt = z.infer<typeof promptSchema>;

/** What the service was asked for: texts that are generated side by side. It lies in the bucket. */
export const serviceRequestSchema = fields
  .omit({ prompt: true, seed: true })
  .extend({
    lanes: z
      .array(z.strictObject({ prompt: promptSchema, seed: fields.shape.seed }).readonly())
      .min(1)
      .readonly(),
    context: storedSchema.optional(),
    /** As many as there is room for, up to a default, when absent. */
    tokens: z.int().min(1).optional(),
    /** Texts before which a lane's text ends. */
    stop: z.array(z.string().min(1)).readonly().default([]),
    /** Whether to keep events of the steps, and whether they say who decided at each position. */
    watched: z.boolean().default(false),
    detailed: z.boolean().default(false),
  })
  .check(boundCost, needPart, needSuffix);
export type ServiceRequest = z.input<typeof serviceRequestSchema>;
export type CompleteServiceRequest = z.output<typeof serviceRequestSchema>;

/** The input of Generate for the service: whose generation, which, and where its request lies. */
export const serviceInputSchema = z
  .strictObject({ tenant: z.string().min(1), generation: z.string().min(1), request: storedSchema })
  .readonly();
export type ServiceInput = z.infer<typeof serviceInputSchema>;
