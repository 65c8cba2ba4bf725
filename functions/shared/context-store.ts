import type { PrivateContext, Stored } from '../contracts/stored.ts';
import { InvalidRequest } from './errors.ts';
import { deleteObject, loadObject, type Owner, ownerPrefix, storeObject } from './object-store.ts';

/** Private contexts lie under their tenant's prefix; nothing but the reference is told to anyone. */
const kind = 'contexts';

/** For whoever starts an execution: the text goes to the bucket, the reference into the input. */
export function storeContextText(tenant: string, text: string): Promise<Stored> {
  return storeObject(tenant, kind, Buffer.from(text));
}

/** @throws InvalidRequest when the reference is to something that is not the tenant's */
export async function loadContextText(tenant: string, stored: Stored): Promise<string> {
  const key = `${ownerPrefix(tenant)}/${kind}/${stored.sha256}`;
  if (stored.key !== key) throw new InvalidRequest(`context: its key must be ${key}`);
  return Buffer.from(await loadObject(tenant, stored)).toString();
}

export function removeContextText(tenant: string, { key }: Stored): Promise<void> {
  return deleteObject(tenant, key);
}

export async function storeContextTokens(tenant: string, ids: readonly number[]): Promise<PrivateContext> {
  const bytes = new Uint8Array(Uint32Array.from(ids).buffer);
  return { ...(await storeObject(tenant, kind, bytes)), tokens: ids.length };
}

export async function loadContextTokens(owner: Owner, context: PrivateContext): Promise<readonly number[]> {
  // A copy, since Buffer's memory need not start at an address that 4 divides.
  return Array.from(new Uint32Array(new Uint8Array(await loadObject(owner, context)).buffer));
}

/** What one member sees before the text that is generated, by lane: its own context, and the prompt. */
export function loadContexts(
  owner: Owner,
  prompts: readonly (readonly number[])[],
  contexts: readonly (PrivateContext | null)[],
): Promise<readonly (readonly number[])[]> {
  return Promise.all(
    prompts.map(async (prompt, lane) => {
      const own = contexts[lane];
      return own ? [...(await loadContextTokens(owner, own)), ...prompt] : prompt;
    }),
  );
}
