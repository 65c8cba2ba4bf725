import * as z from 'zod';

/** How long the bucket keeps an object. A redriven execution may want what it stored some days ago. */
export const objectDays = 14;

/** An object in the bucket, and what its content must be. */
export const storedSchema = z
  .strictObject({ key: z.string().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256 digest') })
  .readonly();
export type Stored = z.infer<typeof storedSchema>;

/** Bytes inside a state machine's state: themselves in base64, or where they lie. */
export const bytesMessageSchema = z.union([z.strictObject({ inline: z.base64() }).readonly(), storedSchema]);
export type BytesMessage = z.infer<typeof bytesMessageSchema>;

/** Token ids that only a tenant's own model may see. */
export const privateContextSchema = storedSchema
  .unwrap()
  .extend({ tokens: z.int().min(1) })
  .readonly();
export type PrivateContext = z.infer<typeof privateContextSchema>;
