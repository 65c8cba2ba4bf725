import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionRole } from '../../../lib/cloud/session-role.ts';
import { pinVersions } from '../../../lib/fleet.ts';
import { functionCount, type Resource, resourcesOf, Stacks, statementsOf, templates } from '../../support/stacks.ts';
import { summaryOf } from '../../support/template-summary.ts';
import { tinyRoutedFleet } from '../../support/tiny-fleet.ts';

let stacks: Stacks;
let built: App;
let template: Template;
let all: Template[];

beforeAll(async () => {
  stacks = await Stacks.create();
  built = stacks.build();
  all = templates(built);
  [template] = all;
});
afterAll(() => stacks.remove());

describe('the endpoints', () => {
  it('have each model as an inference component on a GPU of its own', async () => {
    const routed = await tinyRoutedFleet();
    const pinned = await pinVersions(routed.fleet);
    const app = stacks.build({ core: { instanceType: 'ml.g5.12xlarge', instances: 1 } }, pinned);
    const [core, tenants] = templates(app);
    const names = Object.values(core.findResources('AWS::SageMaker::InferenceComponent')).map(({ Properties }) => {
      expect(Properties.EndpointName).toBe('Slingshot-core');
      expect(Properties.Specification.ComputeResourceRequirements).toMatchObject({
        NumberOfAcceleratorDevicesRequired: 1,
      });
      return Properties.InferenceComponentName;
    });
    // The version of a model is in its name: another version is another component.
    expect(names).toEqual(
      ['core', 'middle', 'high'].map((name) => expect.stringMatching(`^Slingshot-core-${name}-[0-9a-f]{8}$`)),
    );
    tenants.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      InferenceComponentName: Match.stringLikeRegexp('^Slingshot-tenants0-acme-[0-9a-f]{8}$'),
      EndpointName: 'Slingshot-tenants0',
    });
    core.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [{ InstanceType: 'ml.g5.12xlarge', InitialInstanceCount: 1, ModelName: Match.absent() }],
    });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
    await routed.remove();
  });

  it('keep a copy of a core, and let a tenant’s go away and come back by the first call that finds none', () => {
    const targets = resourcesOf(all, 'AWS::ApplicationAutoScaling::ScalableTarget').map(({ Properties }) => [
      Properties.ResourceId.replace(/-[0-9a-f]{8}$/, ''),
      Properties.MinCapacity,
      Properties.MaxCapacity,
    ]);
    expect(targets).toEqual([
      ['inference-component/Slingshot-core-core', 1, 4],
      ['inference-component/Slingshot-tenants0-acme', 0, 2],
    ]);
    const [core, tenants] = [all[0], all[1]].map((each) =>
      Object.values(each.findResources('AWS::SageMaker::EndpointConfig')),
    );
    const instances = (config: (typeof core)[number]) => config.Properties.ProductionVariants[0].ManagedInstanceScaling;
    expect(instances(core[0])).toEqual({ Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 4 });
    expect(instances(tenants[0])).toEqual({ Status: 'ENABLED', MinInstanceCount: 0, MaxInstanceCount: 8 });
    const asleep = resourcesOf(all, 'AWS::CloudWatch::Alarm').filter(
      ({ Properties }) => Properties.MetricName === 'NoCapacityInvocationFailures',
    );
    expect(asleep).toHaveLength(1);
    expect(asleep[0].Properties.AlarmActions).toHaveLength(1);
  });

  it('serve on processors where the instance type has no GPUs', () => {
    const [, tenants] = templates(stacks.build({ tenants: { instanceType: 'ml.c7i.4xlarge' } }));
    tenants.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      Specification: {
        ComputeResourceRequirements: {
          NumberOfCpuCoresRequired: 1,
          NumberOfAcceleratorDevicesRequired: Match.absent(),
        },
      },
    });
    tenants.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: Match.objectLike({ Environment: Match.objectLike({ SLINGSHOT_PROVIDER: 'cpu' }) }),
    });
  });

  it('keep their containers off every network, and silent', () => {
    const models = resourcesOf(all, 'AWS::SageMaker::Model');
    expect(models).toHaveLength(2);
    for (const { Properties } of models) {
      expect(Properties.EnableNetworkIsolation).toBe(true);
      expect(Properties.PrimaryContainer.Environment.ORT_DISABLE_TELEMETRY).toBe('1');
    }
    const configs = resourcesOf(all, 'AWS::SageMaker::EndpointConfig');
    expect(configs).toHaveLength(2);
    for (const { Properties } of configs) expect(Properties.EnableNetworkIsolation).toBe(true);
  });

  it("give each model a role that reads one object and writes one model's logs", () => {
    for (const { Properties } of resourcesOf(all, 'AWS::SageMaker::Model')) {
      const role = Properties.ExecutionRoleArn['Fn::GetAtt'][0];
      const statements = statementsOf(all, role);
      const of = (service: string) =>
        statements.filter(({ Action }) => [Action].flat().some((action) => String(action).startsWith(`${service}:`)));
      const reading = of('s3');
      expect(reading.map(({ Action }) => Action)).toEqual(['s3:GetObject']);
      expect(JSON.stringify(reading[0].Resource)).toMatch(/^{.*\/[0-9a-f]{64}\.[a-z.]+"\]\]}$/);
      expect(of('logs')).toEqual([
        expect.objectContaining({ Resource: { 'Fn::GetAtt': [expect.any(String), 'Arn'] } }),
      ]);
      expect(statements.flatMap(({ Action }) => Action).filter((action) => String(action).includes('*'))).toEqual([]);
    }
  });
});

describe('the stacks', () => {
  it('have roles that a service takes on for this account alone', () => {
    const roles = resourcesOf(all, 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThan(8);
    for (const { Properties, Metadata } of roles) {
      if (Metadata?.[sessionRole]) continue;
      for (const { Condition, Principal } of Properties.AssumeRolePolicyDocument.Statement) {
        expect(Condition?.StringEquals?.['aws:SourceAccount'], JSON.stringify(Principal)).toEqual({
          Ref: 'AWS::AccountId',
        });
      }
    }
  });

  it("encrypt what holds data with the account's own key, unless told not to", () => {
    const key = expect.anything();
    for (const { Properties } of resourcesOf(all, 'AWS::S3::Bucket')) {
      const [rule] = Properties.BucketEncryption.ServerSideEncryptionConfiguration;
      expect(rule).toMatchObject({
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
      });
    }
    const machines = resourcesOf(all, 'AWS::StepFunctions::StateMachine');
    expect(machines).toHaveLength(4);
    for (const { Properties } of machines) {
      expect(Properties.EncryptionConfiguration).toMatchObject({ Type: 'CUSTOMER_MANAGED_KMS_KEY', KmsKeyId: key });
    }
    const groups = resourcesOf(all, 'AWS::Logs::LogGroup');
    expect(groups).toHaveLength(functionCount + 4 + 2 + 2 + 1);
    for (const { Properties } of groups) expect(Properties.KmsKeyId).toEqual(key);
    template.hasResource('AWS::KMS::Key', { Properties: { EnableKeyRotation: true }, DeletionPolicy: 'Retain' });

    const plain = templates(stacks.build({ keys: { customer: false } }));
    expect(resourcesOf(plain, 'AWS::KMS::Key')).toEqual([]);
    expect(JSON.stringify(plain.map((each) => each.toJSON()))).not.toContain('kms:');
    expect(resourcesOf(plain, 'AWS::S3::Bucket')[0].Properties).toHaveProperty('BucketEncryption');
  });

  it('hold data under names in the template that never change: another name is another, empty resource', () => {
    const stateful = ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::DynamoDB::Table'].flatMap((type) =>
      Object.entries(template.findResources(type)).map(([id]) => `${type} ${id}`),
    );
    expect(stateful).toEqual([
      ...['AWS::S3::Bucket Envelopes', 'AWS::S3::Bucket ModelStore'],
      ...['AWS::KMS::Key CustomerKey', 'AWS::DynamoDB::Table Table'],
    ]);
  });

  it('keep the one with data from being deleted, unless told not to', () => {
    const protectedStacks = (app: App) =>
      app.node.children
        .filter((child) => Stack.isStack(child) && child.terminationProtection)
        .map(({ node }) => node.id);
    expect(protectedStacks(built)).toEqual(['Slingshot-Data']);
    expect(protectedStacks(stacks.build({ retention: { protectData: false } }))).toEqual([]);
  });

  it('are those of the summary, which `vitest -u` writes anew when a change is meant', async () => {
    await expect(summaryOf(built)).toMatchFileSnapshot('template-summary.txt');
  });

  it('keep what holds data when they are removed', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::DynamoDB::Table']) {
      for (const { DeletionPolicy } of resourcesOf(all, type)) expect(DeletionPolicy, type).toBe('Retain');
    }
  });

  it('can stand beside others in one account and region', () => {
    const physical = (each: Template[]) =>
      each.flatMap((one) =>
        Object.values(one.toJSON().Resources as Record<string, Resource>).flatMap(({ Properties = {} }) =>
          ['EndpointName', 'InferenceComponentName', 'LogGroupName', 'BucketName', 'FunctionName', 'RoleName']
            .filter((name) => typeof Properties[name] === 'string')
            .map((name) => Properties[name] as string),
        ),
      );
    const names = physical(all);
    const others = new Set(physical(templates(stacks.build({}, stacks.tiny.fleet, 'Slingshot-test'))));
    expect(names.length).toBeGreaterThan(4);
    expect(names.filter((name) => others.has(name))).toEqual([]);
  });

  it('keep large envelopes in a private, encrypted bucket that forgets them', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 14, Status: 'Enabled' })] },
    });
  });

  it.each([true, false])("have no finding of cdk-nag's pack that is not answered for, own key: %s", (customerKey) => {
    const app = stacks.build({ keys: { customer: customerKey } });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });
});
