import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { endError } from '../../functions/api/api-errors.ts';
import { curable } from '../../lib/cloud/task.ts';

let lambdaHandler: typeof import('../../functions/shared/lambda.ts').lambdaHandler;
beforeAll(async () => {
  vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  ({ lambdaHandler } = await import('../../functions/shared/lambda.ts'));
});
afterAll(() => vi.unstubAllEnvs());

const told = (code: string) => endError({ id: 'gen_1', status: 'failed', error: { code, message: '' } })?.code;

describe('a function that has no more time', () => {
  it('fails by a name that is tried again, and that callers are told as what it is', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    const handler = lambdaHandler(z.unknown(), () => never);
    const context = { functionName: 'slow', awsRequestId: '1', getRemainingTimeInMillis: () => 30 } as Context;
    const { name } = (await handler({}, context).catch((error: Error) => error)) as Error;
    expect(curable).toContain(name);
    expect(told(name)).toBe('generation_timeout');
  });
});

describe('what a generation failed by, though it was tried again', () => {
  it.each(curable)('is told as what it is: %s', (name) => {
    expect(told(name)).not.toBe('internal_error');
  });
});
