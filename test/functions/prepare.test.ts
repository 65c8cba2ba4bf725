import { beforeAll, describe, expect, it } from 'vitest';
import { type GenerationRequest, requestSchema } from '../../functions/contracts/request.ts';
import { type Deployment, oneLane, type Prepared, prepare } from '../../functions/prepare/prepare.ts';
import { callsOf } from '../../models/ssd2/generation.ts';
import { instructionPrompt } from '../../models/tokenizer/instruction-template.ts';
import { tinyModel } from '../support/tiny-fleet.ts';

const everywhere = (endpoint: string) => [{ from: 0, to: 1, endpoint: { endpoint } }];

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

/** Who is asked first. */
const asked = ({ generation }: Prepared) =>
  callsOf(generation).map(({ member, endpoint }) => [member, endpoint.endpoint]);
const run = (request: GenerationRequest) =>
  prepare(oneLane(requestSchema.parse({ tokens: 5, ...request })), deployment);
const members = async (request: GenerationRequest) => {
  const { generation } = await run(request);
  return Object.fromEntries(generation.decoding.members.map(({ name, coefficient }) => [name, coefficient]));
};

describe('prepare', () => {
  it('asks the core alone when there is no tenant', async () => {
    expect(await members({ prompt: 'the queue' })).toEqual({ core: 1 });
    expect(asked(await run({ prompt: 'the queue' }))).toEqual([['core', 'goliath']]);
  });

  it('keeps as many entries of an answer as the deployment says, and none that there are not', async () => {
    const keptOf = async (kept: number) =>
      (await prepare(oneLane(requestSchema.parse({ prompt: 'the', tokens: 5 })), { ...deployment, kept })).generation
        .decoding.kept;
    const { vocabulary } = deployment.config;
    for (const kept of [1, 256, vocabulary]) expect(await keptOf(kept)).toBe(kept);
    expect(await keptOf(vocabulary + 1)).toBe(vocabulary);
  });

  it('asks the core that is named, by its template', async () => {
    const prepared = await run({ prompt: 'the queue', core: 'instruct' });
    expect(asked(prepared)).toEqual([['core', 'goliath-tuned']]);
    expect(prepared.prompts).toEqual([await deployment.tokenizer.encode(instructionPrompt('the queue'))]);
    await expect(run({ prompt: 'the queue', core: 'oracle' })).rejects.toThrow('core: there is no "oracle"');
  });

  it('weighs core and tenant, and leaves out whoever has no weight', async () => {
    const request = { prompt: 'the queue', tenant: 'acme' };
    expect(await members(request)).toEqual({ core: 0.5, 'tenant:acme': 0.5 });
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
    const { generation, prompts, contexts } = await run({
      prompt: 'to',
      tenant: 'acme',
      context: 'a queue',
      contrast: 1,
    });
    expect(prompts).toEqual([await deployment.tokenizer.encode('to')]);
    expect(generation.decoding.members.map(({ name }) => name)).toEqual(['core', 'tenant:acme', 'prompt-only:acme']);
    const own = await deployment.tokenizer.encode('a queue\n\n');
    expect(contexts).toEqual([[null], [own], [null]]);
  });

  it.each([
    [{ prompt: 'x', tenant: 'nobody' }, 'tenant: there is no "nobody"'],
    [{ prompt: 'x', tenant: 'constructor' }, 'tenant: there is no "constructor"'],
    [{ prompt: 'x', weight: 0.5 }, 'weight: needs a tenant'],
    [{ prompt: 'x', context: 'y' }, 'context: needs a tenant'],
    [{ prompt: 'x', tenant: 'acme', contrast: 1 }, 'contrast: needs a context'],
    [{ prompt: 'xyz '.repeat(60) }, 'prompt: is'],
    [{ prompt: 'x', tokens: 100 }, 'tokens: 100 are too many beside 1 of the prompt; at most 35'],
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
    [{ prompt: 'x', suffix: ' ' }, 'suffix'],
    [{ prompt: 'x', gap: { least: 1, most: 2 } }, 'gap'],
    [{ prompt: 'x', suffix: 'y', bestOf: 1 }, 'bestOf'],
    [{ prompt: 'x', bestOf: 9 }, 'bestOf'],
    [{ prompt: 'x', steps: 0 }, 'steps'],
    [{ prompt: 'x', topP: 0 }, 'topP'],
    [{ prompt: 'x', seed: 0.5 }, 'seed'],
    [{}, 'prompt'],
  ])('its contract refuses %j at %s', (request, field) => {
    expect(requestSchema.safeParse(request).error?.issues[0].path).toEqual([field]);
  });
});

describe('who else is served', () => {
  it.each(['core', 'tenant'])('is not told to whom asks for a %s that there is not', async (role) => {
    const refusal = new RegExp(`^${role}: there is no "nobody"$`);
    await expect(run({ prompt: 'the queue', [role]: 'nobody' })).rejects.toThrow(refusal);
  });
});

describe('candidates for one text', () => {
  const adapted = (request: GenerationRequest) =>
    prepare(oneLane(requestSchema.parse({ tokens: 5, ...request })), {
      ...deployment,
      config: { ...deployment.config, kind: 'adapter', positions: 80 },
    });
  const gap = { prompt: 'the', suffix: ' queue holds messages', gap: { least: 2, most: 6 } };

  it('share a prompt, and differ in their noise', async () => {
    const { generation, prompts } = await adapted({ prompt: 'the', bestOf: 3, seed: 9 });
    expect(prompts).toEqual([await deployment.tokenizer.encode('the')]);
    expect(generation.lanes).toMatchObject([0, 1, 2].map((lane) => ({ seed: 9, lane, tokens: 5 })));
    expect(generation.choice?.suffix).toBeUndefined();
  });

  it('for a gap differ in their lengths, and know how the text after it begins', async () => {
    const { generation } = await adapted({ ...gap, bestOf: 5 });
    expect(generation.lanes.map(({ tokens }) => tokens)).toEqual([2, 3, 4, 5, 6]);
    const suffix = await deployment.tokenizer.encode(gap.suffix);
    expect(generation.choice?.suffix).toEqual(suffix.slice(0, 4));
    expect((await adapted(gap)).generation.lanes.length).toBe(8);
    // The service's requests may leave the length out.
    const unsaid = await prepare(
      { ...oneLane(requestSchema.parse({ prompt: 'the', suffix: '.' })), tokens: undefined },
      { ...deployment, config: { ...deployment.config, kind: 'adapter', positions: 160 } },
    );
    expect(unsaid.generation.lanes.map(({ tokens }) => tokens)).toEqual([5, 6, 8, 9, 11, 12, 14, 15]);
  });

  it('for a gap leave a block of room, in which the text after it is scored', async () => {
    const message = async (request: GenerationRequest) =>
      adapted({ ...request, tokens: 76 }).catch((error: Error) => error.message);
    expect(await message({ prompt: 'the' })).toMatch(/^tokens: 76 are too many beside .*; at most 75$/);
    const long = { ...gap, bestOf: 2, gap: { least: 76, most: 76 } };
    expect(await message(long)).toMatch(/^tokens: 76 are too many beside .*; at most 70$/);
  });

  it.each([
    [{ ...gap, core: 'instruct' }, 'suffix: needs a core that continues text; this one answers'],
    [{ ...gap, quality: 'published' as const }, 'the published quality does without'],
    [{ ...gap, projection: 'greedy' as const }, 'projection: greedy gives the same text 8 times'],
    [{ ...gap, projection: 'multi-hot' as const }, 'projection: multi-hot takes one candidate; suffix asks for 8'],
    [{ ...gap, gap: { least: 11, most: 20 } }, 'tokens: 8 candidates have at most 10 each'],
    [{ ...gap, bestOf: 2, gap: { least: 75, most: 75 } }, 'tokens: 75 are too many beside'],
  ])('are refused for %j', async (request, message) => {
    await expect(adapted(request)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidRequest', message: expect.stringContaining(message) }),
    );
  });

  it('need next-token logits for a gap, and none without', async () => {
    await expect(run(gap)).rejects.toThrow('suffix: candidates for a gap are chosen by next-token logits');
    expect((await run({ prompt: 'the', bestOf: 2 })).generation.lanes.length).toBe(2);
  });
});
