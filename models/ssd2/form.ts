import * as z from 'zod';

/** Of a form. */
export const mostTimesteps = 64;

/**
 * How a block is decoded where it is not as published. A model's sum at a position is
 *
 *     ((1 + g) (d denoiser + w draft + (1 - d - w) log prior) - g log prior) / temperature + a x_t
 *
 * with the denoiser's logits before the evidence of x_t, and as draft the next-token logits of the clean stream over the
 * tokens that the step before chose, and as prior the tokens' frequency, smoothed. d = 1, w = 0, a = 1, g = 0 is the published form.
 */
export const formSchema = z
  .strictObject({
    /**
     * The timesteps, the last of which is repeated until no token changes; with `wave` those of the first, second, ...
     * position that is not settled.
     */
    timesteps: z.array(z.number().gt(0).max(1)).min(1).max(mostTimesteps).readonly(),
    /**
     * Settles a block from the left: a timestep a position, and a position is settled once all to its left are and its
     * own choice was made from them.
     */
    wave: z.boolean(),
    /** d, w, a and g. */
    denoiser: z.number().min(0).max(4),
    draft: z.number().min(0).max(4),
    evidence: z.number().min(0).max(4),
    sharpen: z.number().min(0).max(4),
    temperature: z.number().gt(0).max(4),
  })
  // The prior alone says nothing of the text.
  .refine(saysSomething, { path: ['draft'], error: 'is 0 as denoiser is: one of them must count' })
  .readonly();
export type Form = z.infer<typeof formSchema>;
type Mix = Omit<Form, 'timesteps' | 'wave'>;

/** Whether a sum has a part that depends on the text before it. */
export function saysSomething({ denoiser, draft }: { readonly denoiser: number; readonly draft: number }): boolean {
  return denoiser > 0 || draft > 0;
}

/** What a model's sum is made of, in the published form. */
export const publishedMix: Mix = { denoiser: 1, draft: 0, evidence: 1, sharpen: 0, temperature: 1 };

/** Next-token log-probabilities as they are: sampled from, a base's text token by token. */
export const nextTokenForm: Form = {
  timesteps: [1],
  wave: true,
  ...{ denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 },
};

/** Whether a block settles from the left by next-token logits alone. */
export function isNextToken(form: Form | undefined): boolean {
  return form?.wave === true && form.denoiser === 0 && form.evidence === 0;
}

/**
 * How many positions from the left a step asks about. By next-token logits alone nothing can be known yet of what stands
 * behind the first open position, so a step asks about that one; those behind it have the prior's logits.
 *
 * @param lane its tokens, null before the first step, and how many are settled; where that is not said, all are asked about
 */
export function askedPositions(
  form: Form | undefined,
  { tokens, settled }: { readonly tokens: readonly unknown[] | null; readonly settled?: number | undefined },
  block: number,
): number {
  if (!isNextToken(form)) return block;
  if (tokens === null) return 1;
  return settled === undefined ? block : Math.min(block, settled + 1);
}

/**
 * What each part of the sum counts, the formula multiplied out.
 *
 * @param drafted whether the position has a draft
 */
export function sharesOf(mix: Mix, drafted: boolean) {
  const { denoiser: d, draft, evidence, sharpen: g, temperature } = mix;
  const w = drafted ? draft : 0;
  return {
    denoiser: ((1 + g) * d) / temperature,
    draft: ((1 + g) * w) / temperature,
    prior: ((1 + g) * (1 - d - w) - g) / temperature,
    evidence,
  };
}

/** The timestep that a step is told by. */
export function formTimestep({ timesteps, wave }: Form, step: number): number {
  return wave ? timesteps[timesteps.length - 1] : timesteps[Math.min(step, timesteps.length - 1)];
}

/** Each position's timestep; 0 for a settled one. */
export function positionTimesteps(form: Form, step: number, settled: number, block: number): number[] {
  const { timesteps, wave } = form;
  return Array.from({ length: block }, (_, position) => {
    if (position < settled) return 0;
    return wave ? timesteps[Math.min(position - settled, timesteps.length - 1)] : formTimestep(form, step);
  });
}
