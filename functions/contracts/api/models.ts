import * as z from 'zod';
import { modelRecordIdSchema, modelStatuses } from '../registered-model.ts';
import { uploadIdSchema } from './uploads.ts';

export const modelRequestSchema = z
  .strictObject({
    upload: uploadIdSchema.meta({
      description: 'Of the purpose model: a tar of the model’s own files, plain or gzip, without its base',
    }),
    share: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .meta({ description: 'What of the generations it serves once it is ready; a first one serves all' }),
  })
  .meta({ id: 'ModelRequest' });

export const modelVersionSchema = z
  .strictObject({
    id: modelRecordIdSchema,
    object: z.literal('model.version'),
    status: z.enum(modelStatuses),
    created: z.int(),
    kind: z.string().nullable(),
    bytes: z.int().nullable(),
    version: z.string().nullable().meta({ description: 'The model’s digest' }),
    error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'ModelVersion', description: 'A version of the tenant’s own model' });
export type ApiModelVersion = z.infer<typeof modelVersionSchema>;
