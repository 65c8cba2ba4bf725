import * as z from 'zod';
import { uploadIdSchema } from './uploads.ts';

export const modelListSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() }).meta({
        id: 'Model',
      }),
    ),
  })
  .meta({ id: 'ModelList' });

/** Characters of a private document; what it has in tokens is limited by the model. */
export const contextLength = 1_000_000;

/** The bucket forgets everything a day later. */
export const longestContextSeconds = 13 * 86_400;

export const contextRequestSchema = z
  .strictObject({
    content: z.string().min(1).max(contextLength).optional().meta({ description: 'Plain text or Markdown' }),
    upload: uploadIdSchema.optional().meta({ description: 'An upload that is the text, in the place of content' }),
    expires_after: z
      .int()
      .min(60)
      .max(longestContextSeconds)
      .optional()
      .meta({ description: 'Seconds; 7 days by default' }),
  })
  .superRefine(({ content, upload }, context) => {
    if ((content === undefined) !== (upload === undefined)) return;
    context.addIssue({
      code: 'custom',
      path: ['content'],
      message: 'is needed, or upload in its place',
      input: content,
    });
  })
  .meta({ id: 'ContextRequest' });
export type ContextRequest = z.output<typeof contextRequestSchema>;

export const contextSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('context'),
    created: z.int(),
    expires: z.int(),
    bytes: z.int(),
    tokens: z.int(),
    sha256: z.string(),
  })
  .meta({ id: 'Context', description: 'A private document, which only the tenant’s own model sees' });
export type ApiContext = z.infer<typeof contextSchema>;

export const contextListSchema = z
  .strictObject({ object: z.literal('list'), data: z.array(contextSchema) })
  .meta({ id: 'ContextList' });

export const deletedSchema = z
  .strictObject({ id: z.string(), object: z.literal('context.deleted'), deleted: z.literal(true) })
  .meta({ id: 'Deleted' });

const day = z.iso.date();
export const usageQuerySchema = z.strictObject({
  from: day.optional().meta({ description: 'The first day, by UTC; 30 days ago by default' }),
  to: day.optional().meta({ description: 'The last day; today by default' }),
});

export const usageReportSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({
        day,
        model: z.string(),
        key: z.string(),
        generations: z.int(),
        tokens: z.int().meta({ description: 'Committed' }),
        degraded_tokens: z.int().meta({ description: 'Of them, made without a tenant’s model that did not answer' }),
        steps: z.int(),
        milliseconds: z.number(),
      }),
    ),
  })
  .meta({ id: 'UsageReport' });
export type UsageReport = z.infer<typeof usageReportSchema>;

export const readySchema = z
  .strictObject({
    ready: z.boolean(),
    checks: z.record(z.string(), z.strictObject({ ready: z.boolean(), milliseconds: z.number() })),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof readySchema>;
