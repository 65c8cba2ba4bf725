import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GenerationRecord, generationKey } from '../../../functions/contracts/generation-record.ts';
import { type ModelRecord, modelKey } from '../../../functions/contracts/registered-model.ts';
import { admit } from '../../../functions/shared/admission.ts';
import { auditOf } from '../../../functions/shared/audit.ts';
import { getContext, listContexts, putContext } from '../../../functions/shared/contexts.ts';
import { withEnvironment } from '../../../functions/shared/environment.ts';
import { keyText, makeKey, readKey } from '../../../functions/shared/keys/api-key.ts';
import { addKey, deleteKey, disableKey, listKeys, rotateKey } from '../../../functions/shared/keys/key-store.ts';
import { meter } from '../../../functions/shared/metering.ts';
import { TenantTable } from '../../../functions/shared/table/tenant-table.ts';
import { type Administration, tenantPartition } from '../../../lib/administration/administration.ts';
import { deleteTenant } from '../../../lib/administration/delete-tenant.ts';
import { addTenant, changeTenant, listTenants } from '../../../lib/administration/tenants.ts';
import { localAuthoriser } from '../../../lib/local/local-authoriser.ts';
import { sweep } from '../../../lib/local/sweep.ts';
import { type TenantStore, tenantStore } from '../../support/tenant-store.ts';

let store: TenantStore;
/** Loaded when logs are off. */
let handler: typeof import('../../../functions/authorise/handler.ts').handler;
let operator: Administration;
let clients: { table: DynamoDBClient; bucket: S3Client };
beforeAll(async () => {
  store = await tenantStore();
  ({ handler } = await import('../../../functions/authorise/handler.ts'));
  clients = { table: new DynamoDBClient({}), bucket: new S3Client({ forcePathStyle: true }) };
  operator = {
    table: { client: DynamoDBDocumentClient.from(clients.table), name: store.table },
    bucket: { client: clients.bucket, name: store.bucket },
    ...{ tiers: ['trial', 'standard'], actor: 'somebody' },
  };
});
afterAll(() => store.stop());

const inStore = <T>(work: () => Promise<T>) => withEnvironment(store.environment, work);
const ask = (authorization: string) =>
  localAuthoriser((event) => inStore(() => handler(event, {} as never)), 0)(authorization);
const works = async (key: string) => (await ask(`Bearer ${key}`)) !== undefined;

describe('an API key', () => {
  it('is told from a mistyped one without a look-up', () => {
    const key = makeKey();
    const text = keyText(key);
    expect(text).toMatch(/^sl_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
    expect(readKey(text)).toEqual(key);
    for (let i = 'sl_live_'.length; i < text.length; i++) {
      const other = text[i] === 'x' ? 'y' : 'x';
      expect(readKey(text.slice(0, i) + other + text.slice(i + 1)), `letter ${i}`).toBeUndefined();
    }
    expect(readKey(`${text} `)).toBeUndefined();
    expect(new Set(Array.from({ length: 100 }, () => makeKey().id)).size).toBe(100);
  });

  it('says whose it is, and what it is for, on the whole API', async () => {
    await addTenant(operator, 'keys-a', 'trial');
    const { key, id } = await addKey(operator, 'keys-a', { scopes: ['generate', 'read'], label: 'web' });
    expect(await ask(`Bearer ${key}`)).toEqual({ tenant: 'keys-a', keyId: id, scopes: 'generate read', tier: 'trial' });
    const event = {
      type: 'TOKEN',
      authorizationToken: `Bearer ${key}`,
      methodArn: 'arn:aws:x:y:z:api/live/GET/v1/models',
    };
    expect(await inStore(() => handler(event, {} as never))).toMatchObject({
      principalId: 'keys-a',
      usageIdentifierKey: expect.stringContaining('trial'),
      policyDocument: { Statement: [{ Effect: 'Allow', Resource: 'arn:aws:x:y:z:api/live/*' }] },
    });
  });

  it('is kept as a digest alone', async () => {
    await addTenant(operator, 'keys-b', 'trial');
    const { key, id } = await addKey(operator, 'keys-b');
    const secret = readKey(key)?.secret as string;
    const { Items } = await clients.table.send(new ScanCommand({ TableName: store.table }));
    expect(JSON.stringify(Items)).toContain(id);
    expect(JSON.stringify(Items)).not.toContain(secret);
    expect(JSON.stringify(await listKeys(operator, 'keys-b'))).not.toMatch(new RegExp(`${secret}|hash`));
  });

  it('that is not in use is refused, and not told why', async () => {
    await addTenant(operator, 'keys-c', 'trial');
    const { key, id } = await addKey(operator, 'keys-c');
    const unknown = keyText(makeKey());
    const wrongSecret = keyText({ id, secret: makeKey().secret });
    const expired = await addKey(operator, 'keys-c', { validUntil: 1 });
    for (const header of [
      '',
      key,
      'Bearer',
      'Bearer x',
      `Basic ${key}`,
      ...[unknown, wrongSecret, expired.key].map((text) => `Bearer ${text}`),
    ]) {
      expect(await ask(header), header).toBeUndefined();
    }
    expect(await works(key)).toBe(true);
    await disableKey(operator, id, true);
    expect(await works(key)).toBe(false);
    await disableKey(operator, id, false);
    expect(await works(key)).toBe(true);
    await changeTenant(operator, 'keys-c', { status: 'disabled' });
    expect(await works(key)).toBe(false);
    await changeTenant(operator, 'keys-c', { status: 'active' });
    await deleteKey(operator, id);
    expect(await works(key)).toBe(false);
    expect((await listKeys(operator, 'keys-c')).map((one) => one.id)).toEqual([expired.id]);
  });

  it('is rotated: the new one works at once, the old one for as long as it is told', async () => {
    await addTenant(operator, 'keys-d', 'trial');
    const validUntil = Math.floor(Date.now() / 1000) + 500_000;
    const old = await addKey(operator, 'keys-d', { scopes: ['read'], label: 'reports', validUntil });
    const kept = await rotateKey(operator, old.id, 24);
    expect(kept).toMatchObject({ scopes: ['read'], label: 'reports', validUntil });
    expect([await works(old.key), await works(kept.key)]).toEqual([true, true]);
    const next = await rotateKey(operator, kept.id, 0);
    expect([await works(kept.key), await works(next.key)]).toEqual([false, true]);
  });

  it('is remembered for as long as the cache lasts, and no longer', async () => {
    let calls = 0;
    const count = async () => {
      calls++;
      return { context: {} };
    };
    const remembering = localAuthoriser(count, 60);
    for (let i = 0; i < 3; i++) await remembering('Bearer a');
    await remembering('Bearer b');
    expect(calls).toBe(2);
    const forgetting = localAuthoriser(count, 0);
    for (let i = 0; i < 3; i++) await forgetting('Bearer a');
    expect(calls).toBe(5);
  });
});

describe('a tenant', () => {
  it('has a name that is safe wherever it stands, once, and a tier that there is', async () => {
    for (const name of ['', 'A', 'a_b', '-a', 'a-', 'a/b', '..', 'a'.repeat(64), 'a*', 'ä', 'a#b']) {
      await expect(addTenant(operator, name, 'trial'), name).rejects.toThrow('has lower-case letters');
    }
    await addTenant(operator, 'once', 'trial');
    await expect(addTenant(operator, 'once', 'trial')).rejects.toThrow('there is one already');
    await expect(addTenant(operator, 'twice', 'gold')).rejects.toThrow(
      'tier gold: there is none; there are trial, standard',
    );
    expect(await changeTenant(operator, 'once', { tier: 'standard' })).toMatchObject({ tier: 'standard' });
    await expect(changeTenant(operator, 'nobody', { tier: 'trial' })).rejects.toThrow('tenant nobody: there is none');
    expect((await listTenants(operator)).map(({ name }) => name)).toContain('once');
  });

  it('that is deleted leaves nothing but the record that it was', async () => {
    for (const tenant of ['gone', 'gone-2']) {
      await addTenant(operator, tenant, 'trial');
      await addKey(operator, tenant);
      const { keyId } = { keyId: (await addKey(operator, tenant)).id };
      const caller = { tenant, keyId, scopes: [], tier: 'trial' };
      await inStore(async () => {
        await admit(caller, { requests: 1, tokens: 5, steps: 5 }, 'gen-1');
        await putContext(tenant, { text: `what ${tenant} knows`, tokens: 3, seconds: 60 });
        const record = { id: 'gen-1', status: 'succeeded', keyId, expires: 1 } as unknown as GenerationRecord;
        await TenantTable.of(tenant).put(generationKey('gen-1'), record);
        await meter(tenant, {
          ...{ generation: 'gen-1', keyId, model: 'core', createdAt: new Date().toISOString(), status: 'succeeded' },
          ...{ tokens: 5, steps: 5, models: {} },
        });
      });
    }
    expect(await deleteTenant(operator, 'gone')).toMatchObject({ keys: 2, modelsRemoved: 0, items: 3, objects: 1 });
    const { Items = [] } = await clients.table.send(new ScanCommand({ TableName: store.table }));
    const left = Items.filter((item) => /"gone"|#gone"/.test(JSON.stringify(item)));
    expect(left.map(({ pk }) => pk.S?.slice(0, 6))).toEqual(left.map(() => 'AUDIT#'));
    const objects = await clients.bucket.send(
      new ListObjectsV2Command({ Bucket: store.bucket, Prefix: 'tenants/gone' }),
    );
    expect(objects.Contents?.map(({ Key }) => Key?.split('/')[1])).toEqual(['gone-2']);
    const late = { tenant: 'gone', keyId: 'k', scopes: [], tier: 'trial' };
    await expect(inStore(() => admit(late, { requests: 1, tokens: 1, steps: 1 }, 'late'))).rejects.toThrow(
      'there is none',
    );
    await expect(deleteTenant(operator, 'gone')).rejects.toThrow('tenant gone: there is none');
    expect(await inStore(() => listContexts('gone-2'))).toHaveLength(1);
    // A new tenant of the same name begins with nothing.
    await addTenant(operator, 'gone', 'trial');
    expect(await inStore(() => listContexts('gone'))).toEqual([]);
    expect(await listKeys(operator, 'gone')).toEqual([]);
  });

  it('is not deleted in part where nothing runs that could remove its own models', async () => {
    await addTenant(operator, 'served', 'trial');
    const { id: key } = await addKey(operator, 'served');
    const model: ModelRecord = {
      ...{ id: `mdl-${'0'.repeat(16)}`, status: 'ready', createdAt: new Date().toISOString() },
      ...{ upload: 'tenants/served/uploads/1.tar.gz', share: 1 },
    };
    const own = tenantPartition(operator, 'served');
    await own.put(modelKey(model.id), model);
    await expect(deleteTenant(operator, 'served')).rejects.toThrow(
      `tenant served: has models of its own (${model.id})`,
    );
    expect((await listKeys(operator, 'served')).map(({ id, disabled }) => [id, disabled])).toEqual([[key, false]]);
    await own.put(modelKey(model.id), { ...model, status: 'retired' });
    expect(await deleteTenant(operator, 'served')).toMatchObject({ keys: 1, modelsRemoved: 0 });
  });

  it('and its keys have every act in the audit record', async () => {
    await addTenant(operator, 'watched', 'trial');
    const { id } = await addKey(operator, 'watched');
    await disableKey(operator, id, true);
    await deleteTenant(operator, 'watched');
    const acts = (await auditOf(operator, new Date().toISOString().slice(0, 7))).filter(
      ({ tenant }) => tenant === 'watched',
    );
    expect(acts.map(({ act, actor }) => [act, actor])).toEqual(
      ['tenants add', 'keys add', 'keys disable', 'tenants delete'].map((act) => [act, 'somebody']),
    );
  });
});

describe("a tenant's private documents", () => {
  it('are kept until they expire, and listed', async () => {
    await addTenant(operator, 'docs', 'trial');
    const kept = await inStore(() => putContext('docs', { text: 'One.', tokens: 2, seconds: 60 }));
    const gone = await inStore(() => putContext('docs', { text: 'Two.', tokens: 2, seconds: 0.001 }));
    expect(kept).toMatchObject({ bytes: 4, tokens: 2, key: expect.stringMatching(/^tenants\/docs\/contexts\//) });
    expect(await inStore(() => getContext('docs', kept.id))).toEqual(kept);
    expect(await inStore(() => getContext('docs', gone.id))).toBeUndefined();
    expect(await inStore(() => listContexts('docs'))).toEqual([kept]);
    expect(await inStore(() => getContext('keys-a', kept.id))).toBeUndefined();
  });
});

describe('what is past its time', () => {
  it('is swept up on this machine, where no table and no bucket does it', async () => {
    await addTenant(operator, 'swept', 'trial');
    const now = Date.now();
    const table = new TenantTable(operator.table.client, 'swept', store.table);
    await table.put('GEN#old', { expires: Math.floor(now / 1000) - 1 });
    await table.put('GEN#new', { expires: Math.floor(now / 1000) + 60 });
    await inStore(() => putContext('swept', { text: 'What is kept.', tokens: 3, seconds: 60 }));
    expect((await sweep(operator, now)).items).toBeGreaterThan(0);
    const kept = await table.query({ prefix: '', expired: true });
    expect(kept.map(({ sk }) => sk.split('#')[0]).sort()).toEqual(['ADMISSION', 'CONTEXT', 'GEN']);
    expect((await sweep(operator, now)).objects).toBe(0);
    expect((await sweep(operator, now + 14 * 86_400_000)).objects).toBeGreaterThan(0);
  });
});
