import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { executionInputSchema, largestCost, requestSchema } from '../../functions/contracts/request.ts';

const prompt = 'To create a queue,';

describe('what one request may cost', () => {
  it.each([
    [
      { tokens: 250, steps: 10_000 },
      'steps',
      '6000 steps of 250 tokens by 1 model are more than a request may cost; at most 6666',
    ],
    [{ tokens: 250, steps: 4_000, tenant: 'acme' }, 'steps', '2400 steps of 250 tokens by 2 models'],
    [{ tokens: 250, steps: 3_000, tenant: 'acme', contrast: 1 }, 'steps', '1800 steps of 250 tokens by 3 models'],
    [{ tokens: 2e6, steps: 1 }, 'tokens', 'ask for fewer tokens'],
    [
      { tokens: 16_667 },
      'tokens',
      '60 steps of 16667 tokens by 1 model are more than a request may cost; ask for fewer',
    ],
    [{ tokens: 16_666, steps: 1000 }, 'steps', 'at most 100 for as many tokens'],
    [{ tokens: 100, steps: 4_000, bestOf: 8 }, 'steps', '2400 steps of 800 tokens of 8 candidates by 1 model'],
    [{ suffix: 'x', gap: { least: 1, most: 99 }, steps: 6_000 }, 'steps', '3600 steps of 400 tokens of 8 candidates'],
  ])('%j is too much, in an execution too', (request, field, message) => {
    for (const schema of [requestSchema, executionInputSchema]) {
      const issue = schema.safeParse({ prompt, ...request }).error?.issues[0];
      expect(issue?.path).toEqual([field]);
      expect(issue?.message).toContain(message);
    }
  });

  it('is bounded whatever is asked for, and what is said to be right is right', () => {
    const requests = fc.record({
      tokens: fc.integer({ min: 1, max: 100_000 }),
      steps: fc.integer({ min: 1, max: 10_000 }),
      stopAt: fc.constantFrom(0, 0.25, 0.4, 0.9),
      tenant: fc.constantFrom(undefined, 'acme'),
      bestOf: fc.constantFrom(1, 2, 8),
    });
    fc.assert(
      fc.property(requests, ({ tenant, ...numbers }) => {
        const request = { prompt, ...numbers, ...(tenant ? { tenant } : {}) };
        const cost = numbers.tokens * numbers.steps * (1 - numbers.stopAt) * (tenant ? 2 : 1) * numbers.bestOf;
        const result = requestSchema.safeParse(request);
        // The number of steps is rounded up, which is one step at most.
        if (result.success) return cost <= largestCost;
        const most = /at most (\d+) /.exec(result.error.issues[0].message)?.[1];
        return (
          cost > largestCost - 2 * numbers.tokens * numbers.bestOf &&
          (most === undefined || requestSchema.safeParse({ ...request, steps: Number(most) }).success)
        );
      }),
    );
  });

  it('allows the defaults and thousands of steps of a block', () => {
    expect(requestSchema.safeParse({ prompt }).success).toBe(true);
    expect(requestSchema.safeParse({ prompt, tokens: 25, steps: 10_000, stopAt: 0, tenant: 'acme' }).success).toBe(
      true,
    );
  });
});
