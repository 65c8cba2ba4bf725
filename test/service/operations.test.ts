import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../../functions/shared/audit.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { addTenant } from '../../lib/administration/tenants.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
let admin: string;
beforeAll(async () => {
  service = await tinyService();
  admin = await service.keyFor(['operate']);
}, 60_000);
afterAll(() => service?.stop());

describe('the operators’ routes', () => {
  it('are for keys of the scope operate alone', async () => {
    for (const path of ['tenants', 'fleet', 'state-machine']) {
      expect((await service.call(`/v1/operations/${path}`)).status, path).toBe(403);
      const tenants = await service.keyFor(['generate', 'batch', 'read', 'admin']);
      expect((await service.call(`/v1/operations/${path}`, { key: tenants })).status, path).toBe(403);
      expect((await service.call(`/v1/operations/${path}`, { key: admin })).status, path).toBe(200);
    }
  });

  it('tell of each tenant what it used of its day, and what it has in flight', async () => {
    const before = await standing('acme');
    await service.json('/v1/generations', { body: short, headers: { prefer: 'wait=20' } });
    const long = { ...short, max_tokens: 20, slingshot: { steps: 400 } };
    const { body: running } = await service.json('/v1/generations', { body: long });
    const during = await standing('acme');
    expect(during.today.requests).toBe(before.today.requests + 2);
    expect(during.generations.map(({ id }: { id: string }) => id)).toEqual([running.id]);
    expect(during).toMatchObject({ tier: 'large', status: 'active', limits: { generations: 64, requests: 200_000 } });
    const { body: machine } = await service.json('/v1/operations/state-machine', { key: admin });
    expect(machine.running).toBe(1);
    expect(Object.values(machine.states)).toEqual([1]);
    expect(Object.keys(machine.definition.States)).toEqual(expect.arrayContaining(Object.keys(machine.states)));
    await service.json(`/v1/generations/${running.id}`, { method: 'DELETE' });
    await expect.poll(async () => (await standing('acme')).generations).toEqual([]);
  });

  it('list all tenants, a page at a time', async () => {
    const names = Array.from({ length: 55 }, (_, i) => `many-${String(i).padStart(2, '0')}`);
    await Promise.all(names.map((name) => addTenant(service.administration, name, 'trial')));
    const { body: first } = await service.json('/v1/operations/tenants', { key: admin });
    expect(first.data).toHaveLength(50);
    expect(first.has_more).toBe(true);
    const { body: second } = await service.json(`/v1/operations/tenants?after=${first.data[49].name}`, { key: admin });
    expect(second.has_more).toBe(false);
    const all = [...first.data, ...second.data].map(({ name }: { name: string }) => name);
    expect(all).toEqual(['acme', ...names, 'other']);
  });

  it('say who answers for which timesteps', async () => {
    const { body } = await service.json('/v1/operations/fleet', { key: admin });
    expect(body.cores).toEqual([{ name: 'core', routes: [{ from: 0, to: 1, model: expect.any(String) }] }]);
    expect(body.tenants.map(({ name }: { name: string }) => name)).toEqual(['acme']);
  });

  it('count a tenant’s keys', async () => {
    const { keys } = await standing('other');
    await addKey(service.administration, 'other', {});
    expect((await standing('other')).keys).toBe(keys + 1);
  });
});

describe('a tenant’s keys', () => {
  it('are made, listed and disabled by its own, and by no key that is not for it', async () => {
    const own = await service.keyFor(['admin', 'read']);
    const made = await service.json('/v1/keys', { key: own, body: { label: 'the web site', expires_after: 3600 } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ label: 'the web site', scopes: ['generate', 'batch', 'read'], disabled: false });
    expect((await service.call('/v1/models', { key: made.body.key })).status).toBe(200);
    const { body: list } = await service.json('/v1/keys', { key: made.body.key });
    const { key, ...told } = made.body;
    expect(list.data).toContainEqual(told);
    expect(JSON.stringify(list)).not.toContain(key);
    expect((await service.call('/v1/keys', { key, body: {} })).status).toBe(403);
    const disabled = await service.json(`/v1/keys/${told.id}`, { key: own, method: 'DELETE' });
    expect(disabled.body).toEqual({ ...told, disabled: true });
    // The audit record says which key did it.
    const acts = await auditOf(service.administration, new Date().toISOString().slice(0, 7));
    const last = acts.filter(({ act }) => act === 'keys disable').at(-1);
    expect(last).toMatchObject({
      tenant: 'acme',
      details: { key: told.id },
      actor: expect.stringMatching(/^key \w{12}$/),
    });
  });

  it('of another tenant are as if there were none, and none is for more than the tenant', async () => {
    const own = await service.keyFor(['admin', 'read']);
    const { body: others } = await service.json('/v1/keys', { key: service.keys.other });
    const [{ id }] = others.data;
    const refused = await service.json(`/v1/keys/${id}`, { key: own, method: 'DELETE' });
    const none = await service.json('/v1/keys/000000000000', { key: own, method: 'DELETE' });
    expect([refused.status, none.status]).toEqual([404, 404]);
    expect(refused.body.error.message).toBe(none.body.error.message.replace('000000000000', id));
    expect((await service.call('/v1/models', { key: service.keys.other })).status).toBe(200);
    expect((await service.call('/v1/keys', { key: own, body: { scopes: ['operate'] } })).status).toBe(400);
  });
});

async function standing(tenant: string) {
  const before = tenant.slice(0, -1);
  const { body } = await service.json(`/v1/operations/tenants?after=${before}`, { key: admin });
  return body.data.find(({ name }: { name: string }) => name === tenant);
}
