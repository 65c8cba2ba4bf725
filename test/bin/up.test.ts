import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectEngine } from '../../lib/direct-engine.ts';
import { program } from '../support/command-line.ts';
import { tinyFleet } from '../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-up-'));
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await tiny.remove();
  await rm(work, { recursive: true });
});

interface Up {
  readonly child: ChildProcess;
  readonly output: string;
  readonly url: string;
}

/** Starts the service and waits until it has said all. */
async function up(...args: string[]): Promise<Up> {
  const child = spawn(process.execPath, [program, 'up', '--models', tiny.folder, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let output = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    output += chunk;
    if (output.includes('is it ready:')) break;
  }
  return { child, output, url: /is ready at (\S+)/.exec(output)?.[1] ?? '' };
}

async function end({ child }: Up, signal: NodeJS.Signals): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exited;
  running.delete(child);
}

const request = { model: 'core', prompt: 'To create a queue', max_tokens: 15, seed: 7, slingshot: { steps: 20 } };

describe('slingshot up', () => {
  it('prints a key once, and after kill -9 brings to its end what was in flight, to the same text', async () => {
    const state = ['--state', join(work, 'state')];
    const first = await up(...state);
    const key = /sl_live_\w+/.exec(first.output)?.[0] ?? '';
    const call = async (url: string, path: string, body?: object) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const init = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
      // biome-ignore lint/suspicious/noExplicitAny: as the API's own tests hold it to be
      return (await (await fetch(url + path, init)).json()) as any;
    };
    expect(first.output).toContain(`curl ${first.url}/v1/completions`);
    expect(new URL(first.url).hostname).toBe('127.0.0.1');
    const begun = await Promise.all([1, 2].map((i) => call(first.url, '/v1/generations', { ...request, seed: i })));
    // In the middle of a block.
    await expect
      .poll(async () => (await call(first.url, `/v1/generations/${begun[0].id}`)).choices[0].tokens, {
        timeout: 20_000,
      })
      .toBeGreaterThan(0);
    await end(first, 'SIGKILL');
    const [template] = await readdir(join(work, 'state', 'template'));

    const second = await up(...state);
    expect(second.output).not.toContain('sl_live_');
    expect(await readdir(join(work, 'state', 'template'))).toEqual([template]);
    const direct = await DirectEngine.start(tiny.fleet);
    for (const [i, { id }] of begun.entries()) {
      const ended = () => call(second.url, `/v1/generations/${id}`);
      await expect.poll(async () => (await ended()).status, { timeout: 60_000 }).toBe('succeeded');
      const { text } = await direct.generate({ prompt: request.prompt, tokens: 15, steps: 20, seed: i + 1 });
      expect((await ended()).choices[0].text).toBe(text);
    }
    await direct.stop();
    const { data } = await call(second.url, '/v1/usage');
    expect(data.reduce((sum: number, row: { generations: number }) => sum + row.generations, 0)).toBe(2);
    await end(second, 'SIGTERM');
  }, 180_000);

  it('keeps nothing when it is told so', async () => {
    const once = await up('--ephemeral');
    expect(once.output).toMatch(/sl_live_\w+/);
    await end(once, 'SIGINT');
  });
});
