import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  loadContexts,
  loadContextText,
  storeContextText,
  storeContextTokens,
} from '../../functions/shared/context-store.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { loadObject, storeObject } from '../../functions/shared/object-store.ts';
import { type TenantStore, tenantStore } from '../support/tenant-store.ts';

const secret = 'The password of the queue is swordfish.';

let store: TenantStore;
beforeAll(async () => {
  store = await tenantStore();
});
afterAll(() => store.stop());

const inBucket = <T>(work: () => Promise<T>) => withEnvironment(store.environment, work);
const text = (tenant: string, stored: Awaited<ReturnType<typeof storeContextText>>) =>
  inBucket(() => loadContextText(tenant, stored));

describe("a tenant's private context", () => {
  it('lies under its tenant, by its digest and not by what it says', async () => {
    const stored = await inBucket(() => storeContextText('acme', secret));
    expect(stored.key).toBe(`tenants/acme/contexts/${stored.sha256}`);
    expect(JSON.stringify(stored)).not.toContain('swordfish');
    expect(await text('acme', stored)).toBe(secret);
  });

  it("is not another tenant's to read, however like their names are", async () => {
    const stored = await inBucket(() => storeContextText('acme', secret));
    const names = ['globex', 'acm', 'acme-2', 'ACME', 'acme/contexts', '', '.', '..', 'globex/../acme'];
    for (const other of names) {
      await expect(text(other, stored), other).rejects.toThrow(expect.objectContaining({ name: 'InvalidRequest' }));
    }
  });

  it('is read from nowhere but its own place', async () => {
    const stored = await inBucket(() => storeContextText('acme', secret));
    const keys = ['envelopes', '..', 'contexts/../../globex/contexts'].map((path) => `tenants/acme/${path}`);
    for (const key of [...keys.map((path) => `${path}/${stored.sha256}`), `tenants/acme/contexts/${'0'.repeat(64)}`]) {
      await expect(text('acme', { ...stored, key }), key).rejects.toThrow('context: its key must be');
    }
  });

  it('that is not what was stored is refused', async () => {
    const first = await inBucket(() => storeContextText('acme', secret));
    const sha256 = '0'.repeat(64);
    const changed = { key: first.key, sha256 };
    await expect(inBucket(() => loadObject('acme', changed))).rejects.toThrow('are not those that were stored');
    const missing = { key: `tenants/acme/contexts/${sha256}`, sha256 };
    await expect(text('acme', missing)).rejects.toThrow(expect.objectContaining({ name: 'StoreRejected' }));
  });

  it('stands before the prompt of its own lane alone', async () => {
    const ids = [70_000, 2, 65_535];
    const own = await inBucket(() => storeContextTokens('acme', ids));
    expect(own).toMatchObject({ tokens: 3 });
    const seen = await inBucket(() => loadContexts('acme', [[7], [8, 9]], [null, own]));
    expect(seen).toEqual([[7], [...ids, 8, 9]]);
  });
});

describe('objects', () => {
  it('of equal content under one prefix are one object', async () => {
    const [first, second] = await inBucket(() =>
      Promise.all([storeObject(null, 'x', Buffer.from('a')), storeObject(null, 'x', Buffer.from('a'))]),
    );
    expect(first).toEqual(second);
    expect(Buffer.from(await inBucket(() => loadObject(null, first))).toString()).toBe('a');
  });
});
