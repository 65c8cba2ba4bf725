import { type Form, nextTokenForm } from './form.ts';

/** Ways of decoding by what they are for; each is the best of a measured curve (see docs/decoding.md). */
export const qualities = ['fast', 'default', 'high', 'published'] as const;
export type Quality = (typeof qualities)[number];

/** Settings of a form that a request may make its own. */
export type FormChanges = Partial<Pick<Form, 'temperature' | 'sharpen' | 'denoiser' | 'draft' | 'evidence'>>;

const leftToRight: Form = { ...nextTokenForm, sharpen: 0.1, temperature: 0.8 };

/** The form of a quality; none where it is as published. */
export function formOf(quality: Quality, changes: FormChanges = {}): Form | undefined {
  if (quality === 'published') return undefined;
  return { ...leftToRight, ...changes };
}
