import { describe, expect, it } from 'vitest';
import { ownerMark } from '../../functions/invoke-model/owner-mark.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';

const mark = (tenant: string | null, id: string, deployment = 'arn:stack/1') =>
  withEnvironment({ SLINGSHOT_DEPLOYMENT: deployment }, () => ownerMark({ tenant, id }));

describe('whose a generation is, as endpoints are told', () => {
  it('is one for all generations of a tenant', () => {
    expect(mark('acme', '1')).toBe(mark('acme', '2'));
  });

  it('is another for each tenant, for each generation without one, and in each deployment', () => {
    const marks = [
      ...[mark('acme', '1'), mark('globex', '1'), mark(null, '1'), mark(null, '2'), mark(null, 'acme'), mark('1', '1')],
      ...[mark('acme', '1', 'arn:stack/2'), mark(null, '1', 'arn:stack/2')],
    ];
    expect(new Set(marks).size).toBe(marks.length);
  });

  it('says no name and is short', () => {
    expect(mark('a', 'b')).toMatch(/^[\w-]{22}$/);
    expect(mark('acme', '1')).not.toContain('acme');
  });

  it('is not made without the deployment', () => {
    expect(() => mark('acme', '1', '')).toThrow('SLINGSHOT_DEPLOYMENT');
  });
});
