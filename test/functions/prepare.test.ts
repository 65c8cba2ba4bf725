import { beforeAll, describe, expect, it } from 'vitest';
import { type GenerationRequest, requestSchema } from '../../functions/contracts/request.ts';
import { type Deployment, prepare } from '../../functions/prepare/prepare.ts';
import { instructionPrompt } from '../../models/tokenizer/instruction-template.ts';
import { tinyModel } from '../support/tiny-fleet.ts';

const everywhere = (endpoint: string) => [{ from: 0, to: 1, endpoint }];

let deployment: Deployment;
beforeAll(async () => {
  const { config, tokenizer } = await tinyModel('core', 1);
  const catalog = {
    cores: {
      core: { routes: everywhere('goliath'), template: 'plain' as const },
      instruct: { routes: everywhere('goliath-tuned'), template: 'instruction' as const },
    },
    tenants: { acme: everywhere('david') },
  };
  deployment = { config, tokenizer, catalog, kept: 256 };
});

const run = (request: GenerationRequest) => prepare(requestSchema.parse({ tokens: 5, ...request }), deployment);
const members = async (request: GenerationRequest) => {
  const { decoding } = await run(request);
  return Object.fromEntries(decoding.members.map(({ name, coefficient }) => [name, coefficient]));
};

describe('prepare', () => {
  it('asks the core alone when there is no tenant', async () => {
    expect(await members({ prompt: 'the queue' })).toEqual({ core: 1 });
    expect((await run({ prompt: 'the queue' })).calls).toEqual([{ member: 'core', endpoint: 'goliath' }]);
  });

  it('asks the core that is named, by its template', async () => {
    const { calls, progress } = await run({ prompt: 'the queue', core: 'instruct' });
    expect(calls).toEqual([{ member: 'core', endpoint: 'goliath-tuned' }]);
    const asked = await deployment.tokenizer.encode(instructionPrompt('the queue'));
    expect(progress.contexts.core).toEqual(asked);
    await expect(run({ prompt: 'the queue', core: 'oracle' })).rejects.toThrow(
      'core: there is no "oracle"; known cores: core, instruct',
    );
  });

  it('weighs core and tenant, and leaves out whoever has no weight', async () => {
    const request = { prompt: 'the queue', tenant: 'acme' };
    expect(await members(request)).toEqual({ core: 0.8, 'tenant:acme': 0.2 });
    expect(await members({ ...request, weight: 1 })).toEqual({ 'tenant:acme': 1 });
    expect(await members({ ...request, weight: 0 })).toEqual({ core: 1 });
  });

  it('sets the context off against the prompt alone, with coefficients that sum to 1', async () => {
    const request = { prompt: 'to', tenant: 'acme', weight: 0.4, contrast: 0.5, context: 'a queue' };
    const coefficients = await members(request);
    expect(coefficients).toEqual({
      core: 0.6,
      'tenant:acme': expect.closeTo(0.6),
      'prompt-only:acme': expect.closeTo(-0.2),
    });
    expect(Object.values(coefficients).reduce((a, b) => a + b, 0)).toBeCloseTo(1);
  });

  it("shows the tenant's context to the tenant only", async () => {
    const { progress } = await run({ prompt: 'to', tenant: 'acme', context: 'a queue', contrast: 1 });
    const prompt = await deployment.tokenizer.encode('to');
    expect(progress.contexts.core).toEqual(prompt);
    expect(progress.contexts['prompt-only:acme']).toEqual(prompt);
    expect(await deployment.tokenizer.decode(progress.contexts['tenant:acme'])).toBe('a queue\n\nto');
  });

  it.each([
    [{ prompt: 'x', tenant: 'nobody' }, 'tenant: there is no "nobody"; known tenants: acme'],
    [{ prompt: 'x', tenant: 'constructor' }, 'tenant: there is no "constructor"'],
    [{ prompt: 'x', weight: 0.5 }, 'weight: needs a tenant'],
    [{ prompt: 'x', context: 'y' }, 'context: needs a tenant'],
    [{ prompt: 'x', tenant: 'acme', contrast: 1 }, 'contrast: needs a context'],
    [{ prompt: 'xyz '.repeat(60) }, 'prompt: is'],
    [{ prompt: 'x', tokens: 100 }, 'takes 40 in all'],
    [{ prompt: 'x', tenant: 'acme', context: 'xyz '.repeat(60) }, 'context and prompt together are'],
  ])('refuses %j', async (request, message) => {
    await expect(run(request)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidRequest', message: expect.stringContaining(message) }),
    );
  });

  it.each([
    [{ prompt: '' }, 'prompt'],
    [{ prompt: ' \n' }, 'prompt'],
    [{ prompt: 'x', weight: 1.1 }, 'weight'],
    [{ prompt: 'x', weight: -0.1 }, 'weight'],
    [{ prompt: 'x', tokens: 0 }, 'tokens'],
    [{ prompt: 'x', steps: 0 }, 'steps'],
    [{ prompt: 'x', topP: 0 }, 'topP'],
    [{ prompt: 'x', seed: 0.5 }, 'seed'],
    [{}, 'prompt'],
  ])('its contract refuses %j at %s', (request, field) => {
    expect(requestSchema.safeParse(request).error?.issues[0].path).toEqual([field]);
  });
});
