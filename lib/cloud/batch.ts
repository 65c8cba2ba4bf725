import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  DistributedMap,
  type IItemReader,
  ItemBatcher,
  JsonPath,
  OutputType,
  Pass,
  ResultWriterV2,
  type StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
  Transformation,
  WriterConfig,
} from 'aws-cdk-lib/aws-stepfunctions';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { type BatchFunctions, batchObjects } from './batch-functions.ts';
import { blockLoop } from './block-loop.ts';
import { arnInFindings, logicalId } from './logical-id.ts';
import { runOf, tenantPath } from './run-of.ts';
import { stateMachine } from './state-machine.ts';
import { lambdaTask } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface BatchProps {
  readonly functions: BatchFunctions & { readonly settleBlock: BatchFunctions['batchFile'] };
  readonly bucket: Bucket;
  readonly denoiseBlock: StateMachine;
  readonly budget: TimeBudget;
}

/** Objects are there for 14 days. */
const longest = Duration.days(13);

/** Of a child of the Map: its own input, which no state can change. */
const child = { tenant: '$$.Execution.Input.BatchInput.tenant', batch: '$$.Execution.Input.BatchInput.batch' };

/**
 * A file of rows: Validate, then a Distributed Map whose children run a few rows each, side by side, then Assemble. A child
 * is Generate's loop of blocks. That one fails fails no other, and all that is done stays done.
 */
export function batch(parent: Construct, { functions, bucket, denoiseBlock, budget }: BatchProps): StateMachine {
  const scope = new Construct(parent, 'Batch');
  // Without it the CDK leaves the writer out, and says nothing.
  scope.node.setContext(STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2, true);
  const goThrough = (act: 'validate' | 'assemble') =>
    TaskInput.fromObject({ act, input: JsonPath.objectAt('$$.Execution.Input') });
  const validating = lambdaTask(scope, 'Validate', {
    function: functions.batchFile,
    timeout: budget.batchFile,
    retries: retries.batchFile,
    comment: 'Read the file, number its rows, and say where each lies',
    payload: goThrough('validate'),
  });
  const toRun = new Choice(scope, 'Rows to run?', { stateName: 'Rows to run?' });
  const chunks = new DistributedMap(scope, 'Chunks', {
    stateName: 'Chunks',
    label: 'Chunks',
    comment: 'Rows, some side by side, each chunk in an execution of its own',
    mapExecutionType: StateMachineType.STANDARD,
    maxConcurrencyPath: '$.maxConcurrency',
    toleratedFailurePercentage: 100,
    itemReader: rowReader(bucket),
    itemBatcher: new ItemBatcher({
      maxItemsPerBatchPath: '$.lanes',
      // The keys say that these are paths: the construct takes any text for one.
      batchInput: { 'tenant.$': tenantPath, 'batch.$': '$$.Execution.Input.batch', 'lanes.$': '$.lanes' },
    }),
    resultWriterV2: new BatchResults({
      bucket: bucket as IBucket,
      prefix: JsonPath.stringAt('$.prefix'),
      writerConfig: new WriterConfig({ outputType: OutputType.JSONL, transformation: Transformation.COMPACT }),
    }),
    resultPath: JsonPath.DISCARD,
  });
  chunks.itemProcessor(chunk(scope, { functions, denoiseBlock, budget }));
  const assembling = lambdaTask(scope, 'Assemble', {
    function: functions.batchFile,
    timeout: budget.batchFile,
    retries: retries.batchFile,
    comment: 'The results in the order of the input, and what they took',
    payload: goThrough('assemble'),
  });
  validating.next(toRun);
  toRun.when(Condition.numberGreaterThan('$.rows', 0), chunks).otherwise(assembling);
  chunks.next(assembling);
  const machine = stateMachine(scope, {
    name: 'Batch',
    type: StateMachineType.STANDARD,
    start: validating,
    timeout: longest,
    functions: Object.values(functions),
  });
  const ownName = JSON.stringify({ 'Fn::Select': [6, { 'Fn::Split': [':', { Ref: logicalId(machine) }] }] });
  acknowledge(machine, {
    [`IAM5[Resource::${arnInFindings(scope, bucket)}/${batchObjects}]`]:
      'Objects of batches, whose ids are not known beforehand.',
    ...Object.fromEntries(
      [':*', '/Chunks:*'].map((end) => [
        `IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:${ownName}${end}]`,
        "The Map's own children.",
      ]),
    ),
  });
  return machine;
}

/** A child of the Map: groups of lanes one after the other, each block by block. */
function chunk(
  scope: Construct,
  { functions, denoiseBlock, budget }: Pick<BatchProps, 'functions' | 'denoiseBlock' | 'budget'>,
) {
  const inner = new Construct(scope, 'Chunk');
  const first = new Pass(inner, 'First group', { stateName: 'First group', parameters: { group: 0 } });
  const preparing = lambdaTask(inner, 'Prepare chunk', {
    function: functions.batchChunk,
    timeout: budget.chunk,
    retries: retries.compute,
    comment: 'Rows to lanes, unless the chunk is done',
    payload: TaskInput.fromObject({
      act: 'prepare',
      tenant: JsonPath.stringAt(child.tenant),
      batch: JsonPath.stringAt(child.batch),
      lanes: JsonPath.numberAt('$$.Execution.Input.BatchInput.lanes'),
      items: JsonPath.objectAt('$$.Execution.Input.Items'),
      id: JsonPath.stringAt('$$.Execution.Name'),
      group: JsonPath.numberAt('$.group'),
    }),
  });
  const anything = new Choice(inner, 'Anything to run?', { stateName: 'Anything to run?' });
  const block = blockLoop(inner, {
    ...{ denoiseBlock, settleBlock: functions.settleBlock, budget, tenantPath: child.tenant },
  });
  const step = (act: 'commit' | 'finish') =>
    TaskInput.fromObject({
      act,
      tenant: JsonPath.stringAt(child.tenant),
      batch: JsonPath.stringAt(child.batch),
      chunk: JsonPath.objectAt('$.chunk'),
      run: runOf(child.tenant),
      step: JsonPath.objectAt('$.step'),
    });
  const committing = lambdaTask(inner, 'Commit chunk', {
    function: functions.batchChunk,
    timeout: budget.chunk,
    retries: retries.compute,
    comment: 'Whether the batch is still wanted, and which texts have ended',
    payload: step('commit'),
    resultPath: '$.step',
  });
  const textDone = new Choice(inner, 'Texts done?', { stateName: 'Texts done?' });
  const finishing = lambdaTask(inner, 'Finish chunk', {
    function: functions.batchChunk,
    timeout: budget.chunk,
    retries: retries.compute,
    comment: 'Tokens to lines of the output',
    payload: step('finish'),
  });
  const more = new Choice(inner, 'One more group?', { stateName: 'One more group?' });
  const done = new Succeed(inner, 'Chunk done', { stateName: 'Chunk done' });
  first.next(preparing).next(anything);
  anything.when(Condition.isPresent('$.step'), block.start).otherwise(done);
  block.end.next(committing.next(textDone));
  textDone.when(Condition.isPresent('$.step.calls[0]'), block.start).otherwise(finishing);
  finishing.next(more);
  more.when(Condition.booleanEquals('$.more', true), preparing).otherwise(done);
  return first;
}

/**
 * Reads the index of the rows, as many as are admitted. The CDK's own reader knows no path for their number, and asks for
 * the right to read the whole bucket.
 */
function rowReader(bucket: Bucket): IItemReader {
  return {
    bucket: bucket as IBucket,
    resource: 'arn:aws:states:::s3:getObject',
    render: () => ({
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSONL', MaxItemsPath: '$.rows' },
      Parameters: { Bucket: bucket.bucketName, 'Key.$': '$.index' },
    }),
    providePolicyStatements: () => [mayOnly(bucket, ['s3:GetObject'])],
    validateItemReader: () => [],
  };
}

/** The CDK's own writer asks for the right to write to the whole bucket. */
class BatchResults extends ResultWriterV2 {
  override providePolicyStatements(): PolicyStatement[] {
    const { bucket } = this;
    return bucket
      ? [
          mayOnly(bucket as Bucket, [
            's3:PutObject',
            's3:GetObject',
            's3:ListMultipartUploadParts',
            's3:AbortMultipartUpload',
          ]),
        ]
      : [];
  }
}

function mayOnly(bucket: Bucket, actions: string[]): PolicyStatement {
  return new PolicyStatement({ actions, resources: [bucket.arnForObjects(batchObjects)] });
}
