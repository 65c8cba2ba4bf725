import * as z from 'zod';
import { scopes } from '../caller.ts';

/** What a tenant may let its keys be for: all but what concerns others. */
export const tenantScopes = scopes.filter((scope) => scope !== 'operate');

export const keyIdSchema = z
  .string()
  .regex(/^[0-9A-Za-z]{12}$/, 'has 12 letters and digits')
  .meta({ description: 'The key, by the part of it that is no secret' });

const scopesField = z.array(z.enum(tenantScopes)).min(1).meta({ description: 'What it may be used for' });

export const keyRequestSchema = z
  .strictObject({
    scopes: scopesField.default(['generate', 'batch', 'read']),
    label: z.string().min(1).max(200).optional().meta({ description: 'What it is for, in your words' }),
    expires_after: z
      .int()
      .min(60)
      .max(10 * 366 * 86_400)
      .optional()
      .meta({ description: 'Seconds; for ever by default' }),
  })
  .meta({ id: 'KeyRequest' });

const told = {
  id: keyIdSchema,
  object: z.literal('key'),
  scopes: z.array(z.enum(scopes)),
  label: z.string().nullable(),
  disabled: z.boolean(),
  created: z.int(),
  expires: z.int().nullable(),
};

export const keySchema = z
  .strictObject(told)
  .meta({ id: 'Key', description: 'A key of the tenant’s, without its secret' });
export type ApiKeyInfo = z.infer<typeof keySchema>;

export const newKeySchema = z
  .strictObject({ ...told, key: z.string().meta({ description: 'The key itself, told this once' }) })
  .meta({ id: 'NewKey' });
export type ApiNewKey = z.infer<typeof newKeySchema>;

export const keyListSchema = z
  .strictObject({ object: z.literal('list'), data: z.array(keySchema) })
  .meta({ id: 'KeyList' });
