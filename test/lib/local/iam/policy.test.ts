import { describe, expect, it } from 'vitest';
import { isAllowed, type RequestContext, readStatements } from '../../../../lib/local/iam/policy.ts';

const resolve = (value: unknown) => String(value);
const read = (...Statement: object[]) => readStatements({ Version: '2012-10-17', Statement }, resolve, 'Role');
const tenant = (name: string): RequestContext => ({ 'aws:PrincipalTag/TenantId': name });
const allow = { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: 'table' };
const asks = { action: 'dynamodb:GetItem', resource: 'table', context: {} };

/** As IAM's own reference has them. */
describe('a policy', () => {
  it('allows what a statement allows and none denies', () => {
    expect(isAllowed(read(allow), asks)).toBe(true);
    expect(isAllowed([], asks)).toBe(false);
    expect(isAllowed(read(allow, { ...allow, Effect: 'Deny', Resource: 'ta*' }), asks)).toBe(false);
    expect(isAllowed(read(allow), { ...asks, action: 'dynamodb:PutItem' })).toBe(false);
    expect(isAllowed(read(allow), { ...asks, resource: 'table2' })).toBe(false);
  });

  it('has wildcards in actions and resources, and takes an action in any case', () => {
    const wide = read({ ...allow, Action: ['s3:*', 'dynamodb:Get?tem'], Resource: ['a/*/c'] });
    expect(isAllowed(wide, { ...asks, action: 'S3:getobject', resource: 'a/b/c' })).toBe(true);
    expect(isAllowed(wide, { ...asks, action: 'dynamodb:GetItem', resource: 'a/b/b/c' })).toBe(true);
    expect(isAllowed(wide, { ...asks, resource: 'A/b/c' })).toBe(false);
    expect(isAllowed(read({ ...allow, Resource: 'a.c' }), { ...asks, resource: 'abc' })).toBe(false);
  });

  it("puts a tag's value in a variable's place, letter for letter", () => {
    const own = read({ ...allow, Resource: `p/\${aws:PrincipalTag/TenantId}/*` });
    const may = (name: string, resource: string) => isAllowed(own, { ...asks, resource, context: tenant(name) });
    expect(may('a', 'p/a/x')).toBe(true);
    expect(may('a', 'p/ab/x')).toBe(false);
    expect(may('*', 'p/b/x')).toBe(false);
    expect(may('?', 'p/b/x')).toBe(false);
    expect(may('.', 'p/b/x')).toBe(false);
    // A session without the tag has nothing.
    expect(isAllowed(own, { ...asks, resource: 'p//x', context: {} })).toBe(false);
  });

  it('compares one value, and all of several: of which none is all', () => {
    const when = (Condition: object) => read({ ...allow, Condition });
    const may = (Condition: object, context: RequestContext) => isAllowed(when(Condition), { ...asks, context });
    const keys = (...values: string[]): RequestContext => ({ k: values });
    expect(may({ StringEquals: { k: ['a', 'b'] } }, { k: 'b' })).toBe(true);
    expect(may({ StringEquals: { k: 'a*' } }, { k: 'ab' })).toBe(false);
    expect(may({ StringLike: { k: 'a*' } }, { k: 'ab' })).toBe(true);
    expect(may({ StringEquals: { k: 'a' } }, {})).toBe(false);
    const all = { 'ForAllValues:StringEquals': { k: ['a', 'b'] } };
    expect(may(all, keys('a', 'b'))).toBe(true);
    expect(may(all, keys('a', 'c'))).toBe(false);
    expect(may(all, {})).toBe(true);
    expect(may({ ...all, Null: { k: 'false' } }, {})).toBe(false);
    expect(may({ ...all, Null: { k: 'false' } }, keys('a'))).toBe(true);
    expect(may({ 'ForAllValues:StringLike': { k: 'K#*' } }, keys('K#1', 'K#2'))).toBe(true);
    expect(may({ 'ForAllValues:StringLike': { k: 'K#*' } }, keys('K#1', 'L'))).toBe(false);
  });

  it('with anything else in it is refused before it decides', () => {
    expect(() => read({ ...allow, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } })).toThrow(
      'Role: the local cloud does not know the condition IpAddress',
    );
    expect(() => read({ ...allow, NotAction: 's3:*' })).toThrow('does not know NotAction');
    expect(() => read({ ...allow, Principal: '*' })).toThrow('does not know Principal');
  });
});
