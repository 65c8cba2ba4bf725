import * as z from 'zod';
import type { Scope } from '../caller.ts';

const MiB = 2 ** 20;

/** What an upload may be for: which keys may make it, and how many bytes it has at most. S3 takes 5 GiB of a form. */
export const uploadPurposes = {
  context: { scope: 'generate', bytes: 4 * MiB },
  batch: { scope: 'batch', bytes: 200 * MiB },
  model: { scope: 'admin', bytes: 5 * 1024 * MiB },
} as const satisfies Record<string, { readonly scope: Scope; readonly bytes: number }>;
export type UploadPurpose = keyof typeof uploadPurposes;
const purposeSchema = z.enum(Object.keys(uploadPurposes) as [UploadPurpose, ...UploadPurpose[]]);

/** Any of them may make uploads, each its own. */
export const uploadScopes = Object.values(uploadPurposes).map(({ scope }) => scope);

/** For how long a form is taken: the session's whose signature it carries. */
export const formSeconds = 3600;
/** For how long what was uploaded may be used. */
export const uploadSeconds = 7 * 86_400;

export const uploadRequestSchema = z
  .strictObject({
    purpose: purposeSchema.meta({ description: 'What will be made of it' }),
    bytes: z.int().min(1).meta({ description: 'The file’s length, which the form holds it to' }),
    filename: z.string().min(1).max(255).optional(),
  })
  .superRefine(({ purpose, bytes }, context) => {
    const most = uploadPurposes[purpose].bytes;
    if (bytes <= most) return;
    const message = `is ${bytes}; for the purpose ${purpose} at most ${most} are taken`;
    context.addIssue({ code: 'custom', path: ['bytes'], message, input: bytes });
  })
  .meta({ id: 'UploadRequest' });

export const uploadIdSchema = z.string().regex(/^upl_[0-9a-f]{24}$/, 'is no id of an upload');

export const uploadSchema = z
  .strictObject({
    id: uploadIdSchema,
    object: z.literal('upload'),
    purpose: purposeSchema,
    bytes: z.int(),
    filename: z.string().nullable(),
    status: z.enum(['pending', 'received']),
    created: z.int(),
    expires: z.int().meta({ description: 'Until when it may be used' }),
    form: z
      .strictObject({ url: z.string(), fields: z.record(z.string(), z.string()), expires: z.int() })
      .nullable()
      .meta({
        description: 'Where to post the fields and then `file`, as multipart/form-data; in the first answer alone',
      }),
  })
  .meta({ id: 'Upload', description: 'A file that is larger than a request may be' });
export type ApiUpload = z.infer<typeof uploadSchema>;
