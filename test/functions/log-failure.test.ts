import { describe, expect, it } from 'vitest';
import { EndpointUnavailable, InvalidRequest } from '../../functions/shared/errors.ts';
import { logFailure } from '../../functions/shared/log-failure.ts';

/** What a failure leaves in the log, as the level and the JSON of the line. */
function logged(error: Error): [string, string][] {
  const lines: [string, string][] = [];
  const keep =
    (level: string) =>
    (message: unknown, ...extra: unknown[]) => {
      lines.push([level, JSON.stringify(Object.assign({ message }, ...extra))]);
    };
  logFailure({ error: keep('ERROR'), info: keep('INFO') }, error);
  return lines;
}

const long = `secret ${'x'.repeat(500)} end`;

describe('a failure in the log', () => {
  it('of a request that is refused is information', () => {
    const [[level, line]] = logged(new InvalidRequest('tenant: there is no "nobody"'));
    expect(level).toBe('INFO');
    expect(JSON.parse(line)).toEqual({ message: 'tenant: there is no "nobody"', error: 'InvalidRequest' });
  });

  it('of an endpoint has its place, and 200 characters of what it answered', () => {
    const cause = Object.assign(new Error(long), { OriginalMessage: long });
    const [[level, line], ...more] = logged(new EndpointUnavailable(`endpoint core: ${long}`, { cause }));
    expect([level, more]).toEqual(['ERROR', []]);
    expect(line).not.toContain('end"');
    expect(line).not.toContain('x'.repeat(201));
    expect(JSON.parse(line)).toMatchObject({
      error: 'EndpointUnavailable',
      cause: expect.stringMatching(/^Error: secret x+$/),
    });
    expect(JSON.parse(line).stack[0]).toMatch(/^at .*log-failure.test.ts/);
  });
});
