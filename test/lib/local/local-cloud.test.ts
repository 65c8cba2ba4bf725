import { createServer, type RequestListener, type Server } from 'node:http';
import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { StepMessage } from '../../../functions/contracts/generation.ts';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { close, listen } from '../../../lib/local/listen.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const kept = 64;
const request: GenerationRequest = { prompt: 'To create a queue', tokens: 12, steps: 6, stopAt: 0.4, seed: 7 };
const withTenant = { ...request, tenant: 'acme', weight: 0.5 };
const privately = { ...withTenant, context: 'A worker', contrast: 0.5, selfConditioning: 'own' } as const;

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let cloud: LocalCloud;
let direct: DirectEngine;
let containers: Map<string, string>;
const steps: StepMessage[] = [];

beforeAll(async () => {
  tiny = await tinyFleet();
  direct = await DirectEngine.start(tiny.fleet, { kept });
  const onStep = (step: StepMessage) => steps.push(step);
  cloud = await LocalCloud.start(tiny.fleet, { kept, threads: 1, endpointTimeoutMilliseconds: 1500, onStep });
  containers = new Map(cloud.endpoints);
});
afterAll(async () => {
  await cloud.stop();
  await direct.stop();
  await tiny.remove();
});

describe('the state machine gives exactly the text of the plain loop', () => {
  it.each([
    ['by the core alone', request],
    ['with a tenant', withTenant],
    ['with a private context, contrast and self-conditioning of its own', privately],
    ['greedily', { ...request, projection: 'greedy' as const }],
    ['multi-hot', { ...request, projection: 'multi-hot' as const, topP: 0.3 }],
  ])('%s', async (_, wanted) => {
    const expected = await direct.generate(wanted);
    expect(await cloud.generate(wanted)).toEqual(expected);
    expect(await cloud.generate({ ...wanted, visit: 4 })).toEqual(expected);
  });

  it('which the tenant and the seed change', async () => {
    const texts = await Promise.all(
      [request, withTenant, { ...request, seed: 8 }].map(async (wanted) => (await direct.generate(wanted)).text),
    );
    expect(new Set(texts).size).toBe(3);
  });

  it('for executions that run at the same time', async () => {
    const wanted = Array.from({ length: 4 }, (_, seed) => ({ ...withTenant, seed }));
    const expected = await Promise.all(wanted.map((one) => direct.generate(one)));
    expect(await Promise.all(wanted.map((one) => cloud.generate(one)))).toEqual(expected);
  });

  it('and reports each step once, in order', async () => {
    steps.length = 0;
    const { steps: run } = await cloud.generate(withTenant);
    // 12 tokens are three blocks of 5; of 6 timesteps 4 lie above t = 0.4.
    expect(run).toBe(12);
    const places = Array.from({ length: 12 }, (_, i) => ({ block: Math.floor(i / 4), step: i % 4 }));
    expect(steps).toMatchObject(places);
    expect(steps[0].routes).toMatchObject({
      core: { endpoint: 'slingshot-core' },
      'tenant:acme': { endpoint: 'slingshot-tenant-acme' },
    });
  });
});

describe('when an endpoint fails', () => {
  const stands: Server[] = [];
  /** Puts something else in the place of the core's container. */
  async function stand(listener: RequestListener): Promise<void> {
    const server = createServer(listener);
    stands.push(server);
    cloud.endpoints.set('slingshot-core', await listen(server));
  }
  const real = () => containers.get('slingshot-core') as string;
  /** Passes a request on to the real container. */
  const pass: RequestListener = async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const answer = await fetch(`${real()}/invocations`, { method: 'POST', body: Buffer.concat(chunks) });
    outgoing.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  };
  afterEach(async () => {
    for (const [endpoint, url] of containers) cloud.endpoints.set(endpoint, url);
    await Promise.all(stands.splice(0).map(close));
  });

  it('now and then, and steps are run twice, the text stays the same', async () => {
    let calls = 0;
    await stand((incoming, outgoing) => {
      calls++;
      // One call is lost before it is answered, one after the model has done its work, one gets rubbish.
      if (calls === 2) incoming.socket.destroy();
      else if (calls === 4) outgoing.end('rubbish');
      else if (calls === 6) void pass(incoming, Object.assign(outgoing, { end: () => incoming.socket.destroy() }));
      else void pass(incoming, outgoing);
    });
    expect(await cloud.generate(withTenant)).toEqual(await direct.generate(withTenant));
    expect(calls).toBe(12 + 3);
  });

  it.each([
    ['down', undefined, 'EndpointUnavailable', 'endpoint slingshot-core: '],
    [
      'answering rubbish',
      ((_, outgoing) => outgoing.end('<html>')) as RequestListener,
      'BadAnswer',
      'endpoint slingshot-core: its answer: body: ',
    ],
    ['late', (() => {}) as RequestListener, 'EndpointTimeout', 'endpoint slingshot-core: no answer within 1.5 s'],
    [
      'failing',
      ((_, outgoing) => outgoing.writeHead(500).end('{"error":"the model failed: out of memory"}')) as RequestListener,
      'EndpointUnavailable',
      'out of memory',
    ],
  ])('%s, the execution fails with a name and a line', async (_, listener, name, message) => {
    if (listener) await stand(listener);
    else cloud.endpoints.set('slingshot-core', 'http://127.0.0.1:1');
    const failure = await cloud.generate(request).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).toMatchObject({ name, message: expect.stringContaining(message) });
  });

  it('until its last try, a redrive goes on from the block that failed, to the same text', async () => {
    const client = new SFNClient({ disableHostPrefix: true, maxAttempts: 1 });
    const until = async (executionArn: string, done: (status: string) => boolean) => {
      for (;;) {
        const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
        if (done(execution.status ?? '')) return execution;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    let calls = 0;
    await stand(async (incoming, outgoing) => {
      // The first block's four steps are answered.
      if (calls++ < 4) void pass(incoming, outgoing);
      else outgoing.writeHead(500).end('gone');
    });
    const input = JSON.stringify({ tenant: null, ...request });
    const { executionArn = '' } = await client.send(
      new StartExecutionCommand({ stateMachineArn: cloud.generateArn, input }),
    );
    const failed = await until(executionArn, (status) => status !== 'RUNNING');
    expect(failed).toMatchObject({ status: 'FAILED', error: 'EndpointUnavailable' });
    cloud.endpoints.set('slingshot-core', real());
    const before = calls;
    await client.send(new RedriveExecutionCommand({ executionArn }));
    const { output = '', status } = await until(executionArn, (status) => status !== 'RUNNING');
    expect(status).toBe('SUCCEEDED');
    const { text } = await direct.generate(request);
    expect(JSON.parse(output).lanes).toMatchObject([{ text, steps: 12 }]);
    expect(calls).toBe(before);
    client.destroy();
  });

  it.each([404, 413, 302])('to serve, with status %i, the request is not tried again', async (status) => {
    let calls = 0;
    await stand((_, outgoing) => {
      calls++;
      outgoing.writeHead(status).end('no');
    });
    await expect(cloud.generate(request)).rejects.toThrow(expect.objectContaining({ name: 'EndpointRejected' }));
    expect(calls).toBe(1);
  });

  it('to exist, the request is refused at once', async () => {
    cloud.endpoints.delete('slingshot-core');
    const failure = { name: 'EndpointRejected', message: expect.stringContaining('not found') };
    await expect(cloud.generate(request)).rejects.toThrow(expect.objectContaining(failure));
  });
});

describe('bad requests', () => {
  it.each([
    [{ prompt: '' }, 'prompt: is empty'],
    [{ prompt: 'x', tenant: 'nobody' }, 'tenant: there is no "nobody"'],
    [{ prompt: 'x', weight: 2, tenant: 'acme' }, 'weight'],
    [{ prompt: 'x', tokens: 0 }, 'tokens'],
    [{ prompt: 'x', steps: 0 }, 'steps'],
    [{ prompt: 'one two three '.repeat(20) }, 'prompt: is'],
  ])('%j fails as InvalidRequest, through either engine', async (wanted, message) => {
    const failure = { name: 'InvalidRequest', message: expect.stringContaining(message) };
    await expect(cloud.generate(wanted)).rejects.toThrow(expect.objectContaining(failure));
    await expect(direct.generate(wanted)).rejects.toThrow(expect.objectContaining(failure));
  });
});
