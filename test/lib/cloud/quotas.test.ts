import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployment } from '../../../lib/cloud/deployment.ts';
import { spreadTenants } from '../../../lib/cloud/tenant-endpoints.ts';
import { settingsSchema } from '../../../lib/config/schema.ts';
import type { Fleet, FleetModel } from '../../../lib/fleet.ts';
import { unbuiltArtefacts } from '../../../lib/local/synthesise.ts';
import { functionCount } from '../../support/stacks.ts';

const noFiles = { root: '/nowhere', model: '', files: [] };

/** A fleet of one core and tenants of the longest names that there may be. */
function fleetOf(tenants: number): Fleet {
  const model = (name: string, role: FleetModel['role']): FleetModel => ({
    ...{ name, role, directory: '/nowhere' },
    endpoint: { endpoint: `slingshot-${name}`, version: '0123456789abcdef' },
    files: { all: noFiles, text: noFiles },
  });
  const core = model('core', 'core');
  const others = Array.from({ length: tenants }, (_, i) =>
    model(`customer-${i}-`.padEnd(39, 'x').concat('y'), 'tenant'),
  );
  const routes = ({ endpoint }: FleetModel) => [{ from: 0, to: 1, endpoint }];
  return {
    core,
    shape: { block: 25, vocabulary: 50_000, positions: 500 },
    models: [core, ...others],
    catalog: {
      cores: { core: { routes: routes(core), template: 'plain' } },
      tenants: Object.fromEntries(others.map((tenant) => [tenant.name, routes(tenant)])),
    },
  };
}

let outdir: string;
let stacks: { Resources: Record<string, Resource>; Parameters?: object; Outputs?: object }[];
interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have any shape
  readonly Properties: Record<string, any>;
}

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), 'slingshot-quotas-'));
  const app = new App({
    outdir,
    context: { 'aws:cdk:bundling-stacks': [] },
    analyticsReporting: false,
    builtinCloudFormationValidation: false,
  });
  const settings = settingsSchema.parse({});
  // The longest stage that there may be.
  const prefix = `Slingshot-${'s'.repeat(20)}`;
  deployment(app, { prefix, fleet: fleetOf(1000), settings, artefacts: unbuiltArtefacts });
  const tops = app.node.children.filter((child) => Stack.isStack(child));
  const nested = tops.flatMap((stack) => stack.node.children.filter((child) => child instanceof NestedStack));
  stacks = [...tops, ...nested].map((each) => Template.fromStack(each).toJSON() as never);
}, 120_000);
afterAll(() => rmSync(outdir, { recursive: true }));

const resources = (type: string) =>
  stacks.flatMap(({ Resources }) => Object.values(Resources).filter(({ Type }) => Type === type));

/** What a value takes once its references are filled in: none of them is longer than this. */
const resolved = (value: unknown) => JSON.stringify(value).replaceAll(/\{"(Ref|Fn::GetAtt)":[^}]*\}/g, 'x'.repeat(128));

describe('a thousand tenants', () => {
  it('are deployed, each once', () => {
    const names = resources('AWS::SageMaker::InferenceComponent').map(
      ({ Properties }) => Properties.InferenceComponentName,
    );
    expect(names).toHaveLength(1 + 1000);
    expect(new Set(names).size).toBe(names.length);
  });

  it('are within what CloudFormation takes of a stack', () => {
    for (const stack of stacks) {
      expect(Object.keys(stack.Resources).length).toBeLessThanOrEqual(500);
      expect(Object.keys(stack.Parameters ?? {}).length).toBeLessThanOrEqual(200);
      expect(Object.keys(stack.Outputs ?? {}).length).toBeLessThanOrEqual(200);
      expect(JSON.stringify(stack).length).toBeLessThan(2 ** 20);
    }
  });

  it("are within Lambda's 4 KB of environment", () => {
    const functions = resources('AWS::Lambda::Function');
    expect(functions).toHaveLength(functionCount);
    for (const { Properties } of functions) {
      expect(resolved(Properties.Environment.Variables).length).toBeLessThan(4096);
    }
  });

  it("are within IAM's sizes: 10,240 characters of a role's policies, 2,048 of its trust, and of that half", () => {
    const added = resources('AWS::IAM::Policy');
    for (const stack of stacks) {
      for (const [id, { Type, Properties }] of Object.entries(stack.Resources)) {
        if (Type !== 'AWS::IAM::Role') continue;
        const policies = [
          ...(Properties.Policies ?? []),
          ...added.map((policy) => policy.Properties).filter(({ Roles }) => JSON.stringify(Roles).includes(`"${id}"`)),
        ].map(({ PolicyDocument }) => resolved(PolicyDocument));
        expect(policies.join('').length, id).toBeLessThan(10_240);
        expect(resolved(Properties.AssumeRolePolicyDocument).length, id).toBeLessThan(1024);
      }
    }
  });

  it('have names that SageMaker and CloudWatch take', () => {
    for (const { Properties } of resources('AWS::SageMaker::InferenceComponent')) {
      expect(Properties.InferenceComponentName).toMatch(/^[a-zA-Z0-9](-*[a-zA-Z0-9])*$/);
      expect(Properties.InferenceComponentName.length).toBeLessThanOrEqual(63);
      expect(Properties.EndpointName.length).toBeLessThanOrEqual(63);
    }
    const groups = resources('AWS::Logs::LogGroup').flatMap(({ Properties }) => Properties.LogGroupName ?? []);
    expect(new Set(groups).size).toBe(groups.length);
    for (const name of groups) expect(name.length).toBeLessThanOrEqual(512);
  });
});

describe('tenants are spread over endpoints', () => {
  const tenants = (count: number) => fleetOf(count).models.slice(1);
  const placeOf = (count: number, endpoints?: number) =>
    new Map(
      spreadTenants('S', tenants(count), endpoints).flatMap(({ name, models }) => models.map((m) => [m.name, name])),
    );

  it('so that a new one moves no other', () => {
    const [before, after] = [placeOf(100, 4), placeOf(150, 4)];
    for (const [name, endpoint] of before) expect(after.get(name)).toBe(endpoint);
    expect(new Set(before.values()).size).toBe(4);
  });

  it('of which there are as many as they need', () => {
    expect(new Set(placeOf(1).values()).size).toBe(1);
    expect(new Set(placeOf(32).values()).size).toBe(1);
    expect(new Set(placeOf(33).values()).size).toBe(2);
    expect(placeOf(0).size).toBe(0);
  });

  it('and refused where one endpoint would have too many', () => {
    expect(() => placeOf(200, 1)).toThrow(
      '200 tenants over 1 endpoints are 200 on one of them, of at most 60: tenants.endpoints must be more than 1',
    );
  });
});
