import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { tenantsPartition } from '../../functions/contracts/tenant.ts';
import { dropFolder } from '../../functions/shared/batches/batch-paths.ts';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import { type LambdaFunctionProps, lambdaFunction } from './lambda-function.ts';
import { arnInFindings } from './logical-id.ts';
import type { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

/** What batches keep in the bucket that has no words of any tenant's. */
export const batchObjects = `${ownerPrefix(null)}/batches/*`;

export interface BatchFunctionsProps {
  readonly budget: TimeBudget;
  readonly bucket: Bucket;
  readonly tenancy: Tenancy;
  readonly catalog: Artefact;
  readonly kept: number;
  /** Texts that one generation may make side by side. */
  readonly mostLanes: number;
  /** Rows of a batch that are run side by side. */
  readonly lanes: number;
  readonly tokenizerOf: ServedFiles;
}

export type BatchFunctions = Readonly<Record<'batchFile' | 'batchChunk', Lambda>>;

/** The functions that the Batch state machine calls. */
export function batchFunctions(scope: Construct, props: BatchFunctionsProps): BatchFunctions {
  const { budget, bucket, tenancy, catalog, tokenizerOf } = props;
  const environment = {
    ...{ ...tenancy.environment, SLINGSHOT_BUCKET: bucket.bucketName },
    SLINGSHOT_BATCH_LANES: String(props.lanes),
  };
  const may = (...actions: string[]) =>
    new PolicyStatement({ actions, resources: [bucket.arnForObjects(batchObjects)] });
  const make = (
    id: string,
    own: Omit<LambdaFunctionProps, 'environment' | 'statements'> & Partial<LambdaFunctionProps>,
  ) => {
    const made = lambdaFunction(scope, id, { environment, statements: mayUseKey(scope), ...own });
    if (!made.role) return made;
    acknowledge(made.role, {
      [`IAM5[Resource::${arnInFindings(scope, bucket)}/${batchObjects}]`]:
        'Objects of batches, whose ids are not known beforehand.',
    });
    tenancy.actsForTenants(made.role);
    return made;
  };
  return {
    batchFile: make('BatchFile', {
      ...{ folder: 'batch-file', timeout: budget.batchFile },
      statements: [may('s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'), ...mayUseKey(scope)],
    }),
    batchChunk: make('BatchChunk', {
      ...{ folder: 'batch-chunk', timeout: budget.chunk, tokenizerOf },
      environment: {
        ...environment,
        SLINGSHOT_CATALOG: catalog.uri,
        SLINGSHOT_KEPT: String(props.kept),
        SLINGSHOT_MOST_LANES: String(props.mostLanes),
      },
      statements: [...catalog.mayRead, ...mayUseKey(scope)],
    }),
  };
}

export interface BatchEventsProps extends Pick<BatchFunctionsProps, 'budget' | 'bucket' | 'tenancy'> {
  readonly machine: StateMachine;
}

/** As long as EventBridge tries to deliver, and then what it could not deliver lies in a queue. */
const delivery = { retryAttempts: 185, maxEventAge: Duration.hours(24) };

/** What happens without a call: a file that is dropped into a tenant's folder is a batch. */
export function batchEvents(scope: Construct, { budget, bucket, tenancy, machine }: BatchEventsProps): void {
  const make = (id: string, folder: string, statements: readonly PolicyStatement[]) => {
    const environment = {
      SLINGSHOT_TABLE: tenancy.table.tableName,
      SLINGSHOT_BATCH_ARN: machine.stateMachineArn,
    };
    return lambdaFunction(scope, id, {
      ...{ folder, timeout: budget.compute, environment },
      statements: [...statements, ...mayUseKey(scope)],
    });
  };
  const of = (actions: string[], resources: string[]) => new PolicyStatement({ actions, resources });
  const deadLetterQueue = new Queue(scope, 'UndeliveredBatchEvents', {
    ...{ enforceSSL: true, encryption: QueueEncryption.SQS_MANAGED, retentionPeriod: Duration.days(14) },
  });
  acknowledge(deadLetterQueue, { SQS3: 'It is a dead-letter queue itself.' });
  const target = (called: Lambda) => new LambdaFunction(called, { ...delivery, deadLetterQueue });
  new Rule(scope, 'BatchDropped', {
    description: 'A file of rows in the folder of a tenant',
    eventPattern: {
      ...{ source: ['aws.s3'], detailType: ['Object Created'] },
      detail: {
        bucket: { name: [bucket.bucketName] },
        object: { key: ['.jsonl', '.jsonl.gz'].map((end) => ({ wildcard: `${dropFolder('*')}/*${end}` })) },
      },
    },
    targets: [
      target(
        make('DropBatch', 'drop-batch', [
          of(['states:StartExecution'], [machine.stateMachineArn]),
          ...tenancy.mayTouch(['GetItem'], [tenantsPartition]),
        ]),
      ),
    ],
  });
}
