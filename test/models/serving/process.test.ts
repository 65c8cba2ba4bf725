import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startModel } from '../../../lib/local/model-process.ts';
import { Resources } from '../../../lib/local/resources.ts';
import { encodeInvocation } from '../../../models/serving/protocol.ts';
import { tinyAdaptedFleet } from '../../support/tiny-adapted-fleet.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const main = join(import.meta.dirname, '../../../models/serving/main.ts');

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
beforeAll(async () => {
  tiny = await tinyFleet();
});
afterAll(() => tiny.remove());

const options = { provider: 'cpu', threads: 1 } as const;

describe('the serving process', () => {
  it('answers every request it has accepted before it ends on SIGTERM', async () => {
    const resources = new Resources();
    const { url } = await startModel(tiny.fleet.core, options, resources);
    const lane = { context: [1], tokens: null, previous: null, seed: 0, lane: 0, block: 0, step: 0, steps: 2 };
    const body = Buffer.from(encodeInvocation({ lanes: Array(32).fill(lane), kept: 300, owner: 'x' }));
    const answers = Array.from({ length: 4 }, () => fetch(`${url}/invocations`, { method: 'POST', body }));
    await answers[0];
    const stopped = resources.stop();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    await stopped;
    expect(statuses).toEqual([200, 200, 200, 200]);
    await expect(fetch(`${url}/ping`)).rejects.toThrow();
  });

  it('finds the base of a model that came without it where bases are mounted', async () => {
    const adapted = await tinyAdaptedFleet();
    const mounted = await mkdtemp(join(tmpdir(), 'slingshot-mounted-'));
    const resources = new Resources();
    try {
      await cp(join(adapted.folder, 'core'), join(mounted, 'alone'), { recursive: true });
      const model = { name: 'alone', directory: join(mounted, 'alone') };
      await expect(startModel(model, options, new Resources())).rejects.toThrow('base');
      const { url } = await startModel(model, { ...options, bases: adapted.folder }, resources);
      expect((await fetch(`${url}/ping`)).status).toBe(200);
    } finally {
      await resources.stop();
      await rm(mounted, { recursive: true });
      await adapted.remove();
    }
  });

  it('is there again, at the same address, when it was killed; not when it was stopped', async () => {
    const resources = new Resources();
    const children = vi.spyOn(resources, 'child');
    const warned = once(process, 'warning');
    const { url, stop } = await startModel(tiny.fleet.core, options, resources);
    const [first] = children.mock.calls[0];
    first.kill('SIGKILL');
    const [{ message }] = await warned;
    expect(message).toBe('the model server of core ended (SIGKILL); it is started again');
    await vi.waitFor(async () => expect((await fetch(`${url}/ping`)).status).toBe(200), { timeout: 20_000 });
    await stop();
    await expect(fetch(`${url}/ping`)).rejects.toThrow();
    await resources.stop();
    expect(children).toHaveBeenCalledTimes(2);
  });

  it('says in one line what is wrong with its model, and ends', async () => {
    const missing = { ...tiny.fleet.core, directory: '/nowhere' };
    await expect(startModel(missing, options, new Resources())).rejects.toThrow(
      /^the model server of core ended \(1\): no model in \/nowhere: (config|tokenizer).json cannot be read/,
    );
  });

  it.each([
    [['run'], {}, 'the only command is `serve`'],
    [['serve'], { SLINGSHOT_PROVIDER: 'abacus' }, 'SLINGSHOT_PROVIDER'],
    [['serve'], { SLINGSHOT_PORT: 'http' }, 'SLINGSHOT_PORT'],
  ])('started with %j and %j refuses', async (args, environment, message) => {
    const child = fork(main, args, { stdio: 'pipe', env: { ...process.env, ...environment } });
    let errors = '';
    child.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(errors).toContain(message);
  });
});
