import validateAsl from 'asl-validator';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionFolder } from '../../../lib/cloud/function-folder.ts';
import { sessionRole } from '../../../lib/cloud/session-role.ts';
import { readTemplate, tasksOf } from '../../../lib/local/definitions.ts';
import type { Definition } from '../../../lib/local/states-language.ts';
import { functionCount, type Resource, resourcesOf, Stacks, statementsOf, templates } from '../../support/stacks.ts';

let stacks: Stacks;
let template: Template;
let all: Template[];
let definitions: Record<string, Definition>;

beforeAll(async () => {
  stacks = await Stacks.create();
  all = templates(stacks.build());
  [template] = all;
  const { machines } = readTemplate(template.toJSON() as never);
  const ours = [...machines].filter(([id]) => /^(Generate|DenoiseBlock|Batch)/.test(id));
  definitions = Object.fromEntries(
    ours.map(([id, { type, definition }]) => [id.startsWith('Batch') ? 'BATCH' : type, definition]),
  );
});
afterAll(() => stacks.remove());

const statesOf = (machine: string) =>
  Object.fromEntries(Object.entries(definitions[machine].States).map(([name, { Type }]) => [name, Type]));

describe('the state machines', () => {
  it('Generate is Standard: prepare, blocks in Express executions, finish', () => {
    expect(statesOf('STANDARD')).toEqual({
      Prepare: 'Task',
      'Denoise block': 'Task',
      'Block succeeded?': 'Choice',
      'Settle block': 'Task',
      'Does a model wake?': 'Choice',
      'Wait for a model': 'Wait',
      'Read block': 'Pass',
      'Recorded?': 'Choice',
      'Commit block': 'Task',
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

  it('Batch is Standard: a Distributed Map whose children are executions that loop over blocks', () => {
    expect(statesOf('BATCH')).toEqual({
      Validate: 'Task',
      'Rows to run?': 'Choice',
      Chunks: 'Map',
      Assemble: 'Task',
    });
    const { Chunks } = definitions.BATCH.States;
    expect(Chunks).toMatchObject({
      Label: 'Chunks',
      MaxConcurrencyPath: '$.maxConcurrency',
      ToleratedFailurePercentage: 100,
      ItemReader: {
        Resource: 'arn:aws:states:::s3:getObject',
        ReaderConfig: { InputType: 'JSONL', MaxItemsPath: '$.rows' },
        Parameters: { Bucket: expect.any(String), 'Key.$': '$.index' },
      },
      ItemBatcher: {
        MaxItemsPerBatchPath: '$.lanes',
        BatchInput: {
          'tenant.$': '$$.Execution.Input.tenant',
          'batch.$': '$$.Execution.Input.batch',
          'lanes.$': '$.lanes',
        },
      },
      ResultWriter: {
        Resource: 'arn:aws:states:::s3:putObject',
        Parameters: { Bucket: expect.any(String), 'Prefix.$': '$.prefix' },
        WriterConfig: { OutputType: 'JSONL', Transformation: 'COMPACT' },
      },
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, StartAt: 'First group' },
    });
    expect([...tasksOf(Chunks.ItemProcessor as Definition).keys()].sort()).toEqual([
      ...['Commit chunk', 'Denoise block', 'Finish chunk', 'Prepare chunk', 'Settle block'],
    ]);
  });

  it('Batch may read and write what has no words of any tenant, and start its own children', () => {
    const role = Object.keys(template.findResources('AWS::IAM::Role')).find((id) =>
      id.startsWith('BatchStateMachineRole'),
    );
    const own = statementsOf(all, role ?? '');
    const objects = own.filter(({ Action }) => [Action].flat().some((action) => String(action).startsWith('s3:')));
    expect(objects.length).toBeGreaterThan(0);
    for (const { Resource } of objects) expect(JSON.stringify(Resource)).toMatch(/shared\/batches\/\*/);
    const states = own.filter(({ Action }) => [Action].flat().some((action) => String(action).startsWith('states:')));
    const may = Object.fromEntries(
      states.map(({ Action, Resource }) => [[Action].flat().join(), JSON.stringify(Resource)]),
    );
    expect(Object.keys(may).sort()).toEqual([
      ...['states:DescribeExecution,states:StopExecution', 'states:RedriveExecution', 'states:StartExecution'],
      'states:StartSyncExecution',
    ]);
    expect(may['states:StartExecution']).toContain('BatchStateMachine');
    expect(may['states:StartSyncExecution']).toContain('DenoiseBlockStateMachine');
  });

  it('take what the context object says under keys that say so: elsewhere a path is a text', () => {
    const texts = (value: unknown, field = ''): string[] => {
      if (typeof value === 'string') return value.startsWith('$$.') && !/(\.\$|Variable)$/.test(field) ? [field] : [];
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([name, inner]) => texts(inner, name));
    };
    for (const definition of Object.values(definitions)) expect(texts(definition)).toEqual([]);
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
    expect(all).toHaveLength(8 + 7);
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
    template.resourceCountIs('AWS::StepFunctions::StateMachine', 4);
    template.allResourcesProperties('AWS::StepFunctions::StateMachine', {
      LoggingConfiguration: Match.objectLike({ Level: 'ALL', IncludeExecutionData: false }),
      TracingConfiguration: { Enabled: true },
    });
  });
});

describe('the functions', () => {
  it('run on the current Node with tracing, each under a role of its own', () => {
    template.resourceCountIs('AWS::Lambda::Function', functionCount);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      TracingConfig: { Mode: 'Active' },
    });
    const roles = Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Role['Fn::GetAtt'][0],
    );
    expect(new Set(roles).size).toBe(functionCount);
  });

  const roleOf = (folder: string): string => {
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function')).filter(
      ({ Metadata }) => Metadata[functionFolder] === folder,
    );
    return fn.Properties.Role['Fn::GetAtt'][0];
  };
  const statements = (folder: string) => statementsOf(all, roleOf(folder));
  const actions = (folder: string) => statements(folder).flatMap(({ Action }) => Action);

  it("invoke-model may invoke the stack's endpoints, and no others", () => {
    for (const folder of ['invoke-model', 'denoise-visit']) {
      const invoking = statements(folder).filter(({ Action }) => [Action].flat().includes('sagemaker:InvokeEndpoint'));
      expect(invoking).toHaveLength(1);
      const resources = [invoking[0].Resource].flat().map((arn) => /[^:]*(?="\]\]})/.exec(JSON.stringify(arn))?.[0]);
      expect(resources).toEqual([
        'endpoint/Slingshot-core',
        'endpoint/Slingshot-tenants*',
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
        (JSON.stringify(Resource).match(/(?<=shared\/)(contexts|envelopes|reports|batches)|(?<=\/)tenants/g) ?? []).map(
          (kind) => [kind, ...[Action].flat().map((action) => String(action).replace('s3:', ''))],
        ),
      );
    const envelopes = ['envelopes', 'GetObject', 'PutObject'];
    const reports = ['reports', 'PutObject'];
    expect(kinds('invoke-model')).toEqual([envelopes]);
    expect(kinds('denoise-visit')).toEqual([reports, envelopes]);
    expect(kinds('reduce')).toEqual([reports, envelopes]);
    expect(kinds('batch-file')).toEqual([['batches', 'GetObject', 'PutObject', 'AbortMultipartUpload']]);
    const none = ['prepare', 'finish', 'settle-block', 'api', 'stream', 'batch-chunk', 'drop-batch'];
    for (const folder of none) expect(kinds(folder)).toEqual([]);
    const [tenantRole, { Properties }] = Object.entries(template.findResources('AWS::IAM::Role')).find(
      ([, { Metadata }]) => Metadata?.[sessionRole],
    ) as [string, Resource];
    const mayAssume = { Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: { 'Fn::GetAtt': [tenantRole, 'Arn'] } };
    const ofTenants = [
      ...['prepare', 'invoke-model', 'denoise-visit', 'reduce', 'commit-block', 'finish'],
      ...['batch-file', 'batch-chunk'],
    ];
    const ofService = ['api', 'stream', 'operate', 'end-generation', 'validate-model', 'publish-model'];
    for (const folder of [...ofTenants, ...ofService]) {
      expect(statements(folder), folder).toContainEqual(expect.objectContaining(mayAssume));
    }
    for (const folder of ['settle-block', 'drop-batch']) expect(actions(folder)).not.toContain('sts:AssumeRole');
    const [trust, ...more] = Properties.AssumeRolePolicyDocument.Statement;
    expect(more).toEqual([]);
    const [, path] = /:role(\/.*\/)\*"/.exec(JSON.stringify(trust.Condition.ArnLike['aws:PrincipalArn'])) ?? [];
    const ofPath = Object.entries(template.findResources('AWS::IAM::Role', { Properties: { Path: path } }));
    expect(ofPath.map(([id]) => id).sort()).toEqual([...ofTenants, ...ofService].map(roleOf).sort());
  });

  it('that need no endpoint and no bucket may use none', () => {
    expect(actions('finish').filter((action) => /^(s3|sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('prepare').filter((action) => /^(sagemaker|states):/.test(String(action)))).toEqual([]);
    expect(actions('reduce')).not.toContain('sagemaker:InvokeEndpoint');
    expect(actions('reduce')).toEqual(expect.arrayContaining(['s3:GetObject', 's3:PutObject']));
  });
});
