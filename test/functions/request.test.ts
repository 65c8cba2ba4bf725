import { describe, expect, it } from 'vitest';
import { executionInputSchema, requestSchema } from '../../functions/contracts/request.ts';
import { firstIssue } from '../../models/zod-issue.ts';

const accepts = (field: string, value: unknown) =>
  requestSchema.safeParse({ prompt: 'To create a queue', tenant: 'acme', denoiser: 1, [field]: value }).success;

describe("a request's numbers", () => {
  // The last values inside, and the first outside.
  it.each([
    ['weight', [0, 1], [-1e-9, 1 + 1e-9]],
    ['contrast', [0, 10], [-1e-9, 10.001]],
    ['tokens', [1], [0, 1.5, -1]],
    ['temperature', [1e-9, 4], [0, 4.001]],
    ['sharpen', [0, 4], [-1e-9, 4.001]],
    ['denoiser', [0, 4], [-1e-9, 4.001]],
    ['draft', [0, 4], [-1e-9, 4.001]],
    ['evidence', [0, 4], [-1e-9, 4.001]],
    ['steps', [1, 10_000], [0, 10_001, 1.5]],
    ['stopAt', [0, 0.999], [-1e-9, 1]],
    ['topP', [1e-9, 1], [0, 1 + 1e-9]],
    ['seed', [0, Number.MAX_SAFE_INTEGER], [-1, 0.5, Number.MAX_SAFE_INTEGER + 1]],
    ['patience', [1], [0, 1.5]],
    ['haltEntropy', [0, 5], [-1e-9]],
    ['visit', [1, 1000], [0, 1001, 1.5]],
  ])('%s: %j are taken, %j refused', (field, inside, outside) => {
    expect(inside.map((value) => [value, accepts(field, value)])).toEqual(inside.map((value) => [value, true]));
    const refused = [...outside, Number.NaN, Number.POSITIVE_INFINITY, '1', null];
    expect(refused.map((value) => [value, accepts(field, value)])).toEqual(refused.map((value) => [value, false]));
  });

  it('and names it does not know are refused', () => {
    expect(accepts('colour', 1)).toBe(false);
    expect(accepts('projection', 'random')).toBe(false);
    expect(accepts('quality', 'splendid')).toBe(false);
    expect(accepts('selfConditioning', 'all')).toBe(false);
  });

  it.each([
    [{ draft: 0 }, 'draft: is 0, and so is denoiser in this quality'],
    [{ draft: 0, denoiser: 0, evidence: 1 }, 'draft: is 0, and so is denoiser'],
    [{ quality: 'high', draft: 0, denoiser: 0, evidence: 0 }, 'draft: is 0'],
  ])('leave something of what the models say: %j is refused', (weights, message) => {
    for (const schema of [requestSchema, executionInputSchema]) {
      const { error } = schema.safeParse({ prompt: 'x', ...weights });
      expect(error && firstIssue(error, 'request')).toContain(message);
      for (const part of ['draft', 'denoiser']) {
        expect(schema.safeParse({ prompt: 'x', ...weights, [part]: 0.1 }).success).toBe(true);
      }
    }
  });

  it('have defaults', () => {
    expect(requestSchema.parse({ prompt: 'x' })).toEqual({
      ...{ prompt: 'x', core: 'core', tokens: 50, steps: 100, stopAt: 0.4, topP: 0.9, seed: 0 },
      ...{ projection: 'sample', selfConditioning: 'fused', patience: 8, haltEntropy: 0.005, visit: 1 },
    });
  });
});
