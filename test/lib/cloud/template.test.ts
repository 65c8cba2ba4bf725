import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import validateAsl from 'asl-validator';
import { App, NestedStack, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtArtefacts } from '../../../lib/cloud/artefacts.ts';
import { functionFolder } from '../../../lib/cloud/function-folder.ts';
import { sessionRole } from '../../../lib/cloud/session-role.ts';
import { type Settings, settingsSchema } from '../../../lib/cloud/settings.ts';
import { SlingshotStack } from '../../../lib/cloud/slingshot-stack.ts';
import { pinVersions } from '../../../lib/fleet.ts';
import { type Definition, readTemplate, tasksOf } from '../../../lib/local/definitions.ts';
import { tinyFleet, tinyRoutedFleet } from '../../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let folder: string;
let template: Template;
let all: Template[];
let definitions: Record<string, Definition>;

function build(
  settings: Partial<Settings> = {},
  fleet = tiny.fleet,
  id = 'Slingshot',
): { app: App; stack: SlingshotStack } {
  const outdir = mkdtempSync(join(folder, 'cdk.out'));
  const app = new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
  const stack = new SlingshotStack(app, id, {
    ...{ fleet, artefacts: builtArtefacts, settings: settingsSchema.parse(settings) },
  });
  return { app, stack };
}

/** The stack's template, then those of the stacks nested in it. */
function templates(stack: SlingshotStack): Template[] {
  const nested = stack.node.children.filter((child) => child instanceof NestedStack);
  return [stack, ...nested].map((each) => Template.fromStack(each));
}

interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have any shape
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

function resourcesOf(all: readonly Template[], type: string): Resource[] {
  return all.flatMap((each) => Object.values(each.findResources(type)) as Resource[]);
}

/** What a role may do: its own statements, and those that the CDK adds in a policy. */
function statementsOf(all: readonly Template[], role: string) {
  return all.flatMap((each) => {
    const inline = each.findResources('AWS::IAM::Role')[role]?.Properties.Policies ?? [];
    const added = Object.values(each.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
      Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role),
    );
    return [
      ...inline.map((policy: { PolicyDocument: unknown }) => policy),
      ...added.map(({ Properties }) => Properties),
    ].flatMap(({ PolicyDocument }) => PolicyDocument.Statement as { Action: unknown; Resource: unknown }[]);
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slingshot-template-'));
  tiny = await tinyFleet();
  all = templates(build().stack);
  [template] = all;
  const { machines } = readTemplate(template.toJSON() as never);
  definitions = Object.fromEntries([...machines.values()].map(({ type, definition }) => [type, definition]));
});
afterAll(async () => {
  await tiny.remove();
  rmSync(folder, { recursive: true });
});

const statesOf = (machine: string) =>
  Object.fromEntries(Object.entries(definitions[machine].States).map(([name, { Type }]) => [name, Type]));

describe('the state machines', () => {
  it('Generate is Standard: prepare, blocks in Express executions, finish', () => {
    expect(statesOf('STANDARD')).toEqual({
      Prepare: 'Task',
      'Denoise block': 'Task',
      'Block succeeded?': 'Choice',
      'Settle block': 'Task',
      'Read block': 'Pass',
      'Text done?': 'Choice',
      Finish: 'Task',
    });
  });

  it('DenoiseBlock is Express: a loop of fan-out and reduce, or of visits', () => {
    expect(statesOf('EXPRESS')).toEqual({
      'One step a visit?': 'Choice',
      'Ask models': 'Map',
      Reduce: 'Task',
      Visit: 'Task',
      'Go on?': 'Choice',
      'Block done': 'Succeed',
    });
    expect([...tasksOf(definitions.EXPRESS).keys()].sort()).toEqual(['Ask model', 'Reduce', 'Visit']);
  });

  it('are valid Amazon States Language', () => {
    for (const definition of Object.values(definitions)) {
      const { isValid, errorsText } = validateAsl(definition);
      expect(isValid, errorsText('\n')).toBe(true);
    }
  });

  it('have a timeout, and retries with full jitter, on every task', () => {
    const tasks = (definition: Definition): [string, Record<string, unknown>][] =>
      Object.entries(definition.States).flatMap(([name, state]) => [
        ...(state.Type === 'Task' ? [[name, state] as [string, Record<string, unknown>]] : []),
        ...(state.ItemProcessor ? tasks(state.ItemProcessor) : []),
      ]);
    const all = Object.values(definitions).flatMap(tasks);
    expect(all).toHaveLength(7);
    for (const [name, { TimeoutSeconds, Retry }] of all) {
      expect(TimeoutSeconds, name).toBeGreaterThan(0);
      expect(Retry, name).not.toHaveLength(0);
      for (const retrier of Retry as Record<string, unknown>[]) {
        expect(retrier, name).toMatchObject({ JitterStrategy: 'FULL', MaxDelaySeconds: 10, BackoffRate: 2 });
      }
    }
    for (const { TimeoutSeconds } of Object.values(definitions)) expect(TimeoutSeconds).toBeGreaterThan(0);
  });

  it('try an endpoint again that was not there, but not a request that was refused', () => {
    const { States } = definitions.EXPRESS.States['Ask models'].ItemProcessor as Definition;
    const { Retry } = States['Ask model'] as unknown as { Retry: { ErrorEquals: string[] }[] };
    const retried = Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
    expect(retried).toEqual(expect.arrayContaining(['EndpointUnavailable', 'EndpointTimeout', 'BadAnswer']));
    for (const final of ['EndpointRejected', 'InvalidRequest', 'ContractViolation', 'States.ALL']) {
      expect(retried).not.toContain(final);
    }
  });

  it('log all events, without the text, and trace', () => {
    template.resourceCountIs('AWS::StepFunctions::StateMachine', 2);
    template.allResourcesProperties('AWS::StepFunctions::StateMachine', {
      LoggingConfiguration: Match.objectLike({ Level: 'ALL', IncludeExecutionData: false }),
      TracingConfiguration: { Enabled: true },
    });
  });
});

describe('the functions', () => {
  it('run on the current Node with tracing, each under a role of its own', () => {
    template.resourceCountIs('AWS::Lambda::Function', 6);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      TracingConfig: { Mode: 'Active' },
    });
    const roles = Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Role['Fn::GetAtt'][0],
    );
    expect(new Set(roles).size).toBe(6);
  });

  const statements = (folder: string) => {
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function')).filter(
      ({ Metadata }) => Metadata[functionFolder] === folder,
    );
    return statementsOf(all, fn.Properties.Role['Fn::GetAtt'][0]);
  };
  const actions = (folder: string) => statements(folder).flatMap(({ Action }) => Action);

  it("invoke-model may invoke the stack's endpoints, and no others", () => {
    for (const folder of ['invoke-model', 'denoise-visit']) {
      const invoking = statements(folder).filter(({ Action }) => [Action].flat().includes('sagemaker:InvokeEndpoint'));
      expect(invoking).toHaveLength(1);
      const resources = [invoking[0].Resource].flat().map((arn) => /[^:]*(?="\]\]})/.exec(JSON.stringify(arn))?.[0]);
      expect(resources).toEqual([
        'endpoint/Slingshot-core',
        'endpoint/Slingshot-tenants0',
        'inference-component/Slingshot-*',
      ]);
    }
  });

  it('prepare alone reads the catalog, and nobody has it in the environment', () => {
    const reads = (folder: string) =>
      statements(folder).filter(
        ({ Action, Resource }) => Action === 's3:GetObject' && JSON.stringify(Resource).includes('-assets-'),
      );
    expect(reads('prepare')).toHaveLength(1);
    expect(JSON.stringify(reads('prepare')[0].Resource)).toMatch(/cdk-hnb659fds-assets-.*[0-9a-f]{64}\.json/);
    for (const folder of ['invoke-model', 'reduce', 'denoise-visit', 'finish']) expect(reads(folder)).toEqual([]);
    for (const { Properties } of resourcesOf(all, 'AWS::Lambda::Function')) {
      expect(JSON.stringify(Properties.Environment.Variables)).not.toContain('acme');
    }
  });

  it('touch the objects of no tenant by themselves, and in a session of the tenant if they have to', () => {
    const kinds = (folder: string) =>
      statements(folder).flatMap(({ Action, Resource }) =>
        (JSON.stringify(Resource).match(/(?<=shared\/)(contexts|envelopes|reports)|(?<=\/)tenants/g) ?? []).map(
          (kind) => [kind, ...[Action].flat().map((action) => String(action).replace('s3:', ''))],
        ),
      );
    const envelopes = ['envelopes', 'GetObject', 'PutObject'];
    const reports = ['reports', 'PutObject'];
    expect(kinds('invoke-model')).toEqual([envelopes]);
    expect(kinds('denoise-visit')).toEqual([reports, envelopes]);
    expect(kinds('reduce')).toEqual([reports, envelopes]);
    for (const folder of ['prepare', 'finish', 'settle-block']) expect(kinds(folder)).toEqual([]);
    const [tenantRole, { Properties }] = Object.entries(template.findResources('AWS::IAM::Role')).find(
      ([, { Metadata }]) => Metadata?.[sessionRole],
    ) as [string, Resource];
    const mayAssume = { Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: { 'Fn::GetAtt': [tenantRole, 'Arn'] } };
    const trusted = JSON.stringify(Properties.AssumeRolePolicyDocument);
    for (const folder of ['prepare', 'invoke-model', 'denoise-visit', 'reduce']) {
      expect(statements(folder), folder).toContainEqual(expect.objectContaining(mayAssume));
    }
    expect(actions('settle-block')).not.toContain('sts:AssumeRole');
    expect(trusted.match(/"Fn::GetAtt"/g)).toHaveLength(4);
  });

  it('that need no endpoint and no bucket may use none', () => {
    expect(actions('finish').filter((action) => /^(s3|sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('prepare').filter((action) => /^(sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('reduce')).not.toContain('sagemaker:InvokeEndpoint');
    expect(actions('reduce')).toEqual(expect.arrayContaining(['s3:GetObject', 's3:PutObject']));
  });
});

describe('the endpoints', () => {
  it('have each model as an inference component on a GPU of its own', async () => {
    const routed = await tinyRoutedFleet();
    const pinned = await pinVersions(routed.fleet);
    const { app, stack } = build({ coreInstanceType: 'ml.g5.12xlarge', coreInstances: 1 }, pinned);
    const [core, tenants] = templates(stack);
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

  it('serve on processors where the instance type has no GPUs', () => {
    const [, tenants] = templates(build({ tenantInstanceType: 'ml.c7i.4xlarge' }).stack);
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

describe('the stack', () => {
  it('has roles that a service takes on for this account alone', () => {
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

  it("encrypts what holds data with the account's own key, unless told not to", () => {
    const key = expect.anything();
    for (const { Properties } of resourcesOf(all, 'AWS::S3::Bucket')) {
      const [rule] = Properties.BucketEncryption.ServerSideEncryptionConfiguration;
      expect(rule).toMatchObject({
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
      });
    }
    const machines = resourcesOf(all, 'AWS::StepFunctions::StateMachine');
    expect(machines).toHaveLength(2);
    for (const { Properties } of machines) {
      expect(Properties.EncryptionConfiguration).toMatchObject({ Type: 'CUSTOMER_MANAGED_KMS_KEY', KmsKeyId: key });
    }
    const groups = resourcesOf(all, 'AWS::Logs::LogGroup');
    expect(groups).toHaveLength(6 + 2 + 2 + 2);
    for (const { Properties } of groups) expect(Properties.KmsKeyId).toEqual(key);
    template.hasResource('AWS::KMS::Key', { Properties: { EnableKeyRotation: true }, DeletionPolicy: 'Retain' });

    const plain = templates(build({ customerKey: false }).stack);
    expect(resourcesOf(plain, 'AWS::KMS::Key')).toEqual([]);
    expect(JSON.stringify(plain.map((each) => each.toJSON()))).not.toContain('kms:');
    expect(resourcesOf(plain, 'AWS::S3::Bucket')[0].Properties).toHaveProperty('BucketEncryption');
  });

  it('keeps what holds data when it is removed', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::DynamoDB::Table']) {
      for (const { DeletionPolicy } of resourcesOf(all, type)) expect(DeletionPolicy, type).toBe('Retain');
    }
  });

  it('can stand beside another in one account and region', () => {
    const physical = (each: Template[]) =>
      each.flatMap((one) =>
        Object.values(one.toJSON().Resources as Record<string, Resource>).flatMap(({ Properties = {} }) =>
          ['EndpointName', 'InferenceComponentName', 'LogGroupName', 'BucketName', 'FunctionName', 'RoleName']
            .filter((name) => typeof Properties[name] === 'string')
            .map((name) => Properties[name] as string),
        ),
      );
    const names = physical(all);
    const others = new Set(physical(templates(build({}, tiny.fleet, 'Slingshot-test').stack)));
    expect(names.length).toBeGreaterThan(4);
    expect(names.filter((name) => others.has(name))).toEqual([]);
  });

  it('keeps large envelopes in a private, encrypted bucket that forgets them', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 14, Status: 'Enabled' })] },
    });
  });

  it.each([true, false])("has no finding of cdk-nag's pack that is not answered for, own key: %s", (customerKey) => {
    const { app } = build({ customerKey });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });
});
