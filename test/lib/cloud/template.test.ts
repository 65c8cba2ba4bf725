import validateAsl from 'asl-validator';
import { App, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtArtefacts } from '../../../lib/cloud/artefacts.ts';
import { SlingshotStack } from '../../../lib/cloud/slingshot-stack.ts';
import { type Definition, readTemplate, tasksOf } from '../../../lib/local/definitions.ts';
import { tinyFleet, tinyRoutedFleet } from '../../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let template: Template;
let definitions: Record<string, Definition>;

function build(): { app: App; stack: SlingshotStack } {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
  const stack = new SlingshotStack(app, 'Slingshot', {
    fleet: tiny.fleet,
    artefacts: builtArtefacts,
    kept: 256,
    coreInstanceType: 'ml.g5.xlarge',
    tenantInstanceType: 'ml.g4dn.xlarge',
  });
  return { app, stack };
}

beforeAll(async () => {
  tiny = await tinyFleet();
  template = Template.fromStack(build().stack);
  const { machines } = readTemplate(template.toJSON() as never);
  definitions = Object.fromEntries([...machines.values()].map(({ type, definition }) => [type, definition]));
});
afterAll(() => tiny.remove());

const statesOf = (machine: string) =>
  Object.fromEntries(Object.entries(definitions[machine].States).map(([name, { Type }]) => [name, Type]));

describe('the state machines', () => {
  it('Generate is Standard: prepare, blocks in Express executions, finish', () => {
    expect(statesOf('STANDARD')).toEqual({
      Prepare: 'Task',
      'Denoise block': 'Task',
      'Block succeeded?': 'Choice',
      'Block failed': 'Fail',
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
    expect(all).toHaveLength(6);
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
    template.resourceCountIs('AWS::Lambda::Function', 5);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      TracingConfig: { Mode: 'Active' },
    });
    const roles = Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Role['Fn::GetAtt'][0],
    );
    expect(new Set(roles).size).toBe(5);
  });

  const statements = (folder: string) => {
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function')).filter(
      ({ Properties }) => Properties.Environment.Variables.POWERTOOLS_SERVICE_NAME === folder,
    );
    const role = fn.Properties.Role['Fn::GetAtt'][0];
    return Object.values(template.findResources('AWS::IAM::Policy'))
      .filter(({ Properties }) => Properties.Roles.some((r: { Ref: string }) => r.Ref === role))
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as { Action: unknown; Resource: unknown }[]);
  };
  const actions = (folder: string) => statements(folder).flatMap(({ Action }) => Action);

  it('invoke-model may invoke the endpoints it is given, and no others', () => {
    for (const folder of ['invoke-model', 'denoise-visit']) {
      const invoking = statements(folder).filter(({ Action }) => [Action].flat().includes('sagemaker:InvokeEndpoint'));
      expect(invoking).toHaveLength(1);
      const resources = [invoking[0].Resource].flat().map((arn) => JSON.stringify(arn));
      expect(resources).toHaveLength(2);
      expect(resources[0]).toMatch(/endpoint\/slingshot-core"/);
      expect(resources[1]).toMatch(/endpoint\/slingshot-tenant-acme"/);
    }
  });

  it('that need no endpoint and no bucket may use none', () => {
    expect(actions('finish').filter((action) => /^(s3|sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('prepare').filter((action) => /^(sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('reduce')).not.toContain('sagemaker:InvokeEndpoint');
    expect(actions('reduce')).toEqual(expect.arrayContaining(['s3:GetObject', 's3:PutObject']));
  });
});

describe('a fleet of several cores', () => {
  it('shares one endpoint, each model an inference component of it that callers may invoke', async () => {
    const routed = await tinyRoutedFleet();
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
    const stack = new SlingshotStack(app, 'Slingshot', {
      fleet: routed.fleet,
      artefacts: builtArtefacts,
      kept: 256,
      ...{ coreInstanceType: 'ml.g5.12xlarge', coreInstances: 1, tenantInstanceType: 'ml.g4dn.xlarge' },
    });
    const shared = Template.fromStack(stack);
    shared.resourceCountIs('AWS::SageMaker::Endpoint', 2);
    for (const InferenceComponentName of ['core', 'middle', 'high']) {
      shared.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
        InferenceComponentName,
        EndpointName: 'slingshot-core',
        Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1 } },
      });
    }
    const [variant] = Object.values(shared.findResources('AWS::SageMaker::EndpointConfig'))
      .flatMap(({ Properties }) => Properties.ProductionVariants)
      .filter(({ InstanceType }) => InstanceType === 'ml.g5.12xlarge');
    expect(variant).toMatchObject({ InitialInstanceCount: 1 });
    // SageMaker refuses a model's name where components bring theirs.
    expect(variant).not.toHaveProperty('ModelName');
    expect(JSON.stringify(shared.toJSON())).toContain('inference-component/middle');
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
    await routed.remove();
  });
});

describe('the rest of the stack', () => {
  it('serves each model of the fleet from an endpoint of its name', () => {
    template.resourceCountIs('AWS::SageMaker::Endpoint', 2);
    for (const EndpointName of ['slingshot-core', 'slingshot-tenant-acme']) {
      template.hasResourceProperties('AWS::SageMaker::Endpoint', { EndpointName });
    }
  });

  it('keeps large envelopes in a private, encrypted bucket that forgets them', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 14, Status: 'Enabled' })] },
    });
  });

  it("has no finding of cdk-nag's AWS Solutions pack that is not answered for", () => {
    const { app } = build();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });
});
