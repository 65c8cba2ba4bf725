import { posix } from 'node:path';
import { type CfnResource, type Duration, type Size, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as Lambda, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { acknowledge } from './acknowledge.ts';
import { functionCode } from './function-code.ts';
import { functionFolder } from './function-folder.ts';
import { logs } from './logs.ts';
import { serviceRole } from './service-role.ts';

export interface LambdaFunctionProps {
  /** Its folder under functions/. */
  readonly folder: string;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  readonly statements: readonly PolicyStatement[];
  /** Of /tmp; the service's usual 512 MiB when absent. */
  readonly disk?: Size;
  /** The model directory whose config and tokenizer go into the package. */
  readonly tokenizerOf?: ServedFiles;
}

/** One folder of functions/ as a Lambda with a role of its own. */
export function lambdaFunction(scope: Construct, id: string, props: LambdaFunctionProps): Lambda {
  const { folder, timeout, tokenizerOf } = props;
  const logGroup = logs(scope, `${id}Logs`);
  const role = serviceRole(scope, `${id}Role`, 'lambda.amazonaws.com', [
    new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] }),
    ...props.statements,
  ]);
  acknowledge(role, {
    'IAM5[Resource::*]': 'X-Ray has no resources to restrict xray:PutTraceSegments and PutTelemetryRecords to.',
  });
  const made = new Lambda(scope, id, {
    code: functionCode(folder, tokenizerOf),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.X86_64,
    memorySize: 1769, // one whole virtual CPU
    timeout,
    ...(props.disk ? { ephemeralStorageSize: props.disk } : {}),
    role,
    logGroup,
    tracing: Tracing.ACTIVE,
    environment: {
      ...props.environment,
      POWERTOOLS_SERVICE_NAME: folder,
      POWERTOOLS_METRICS_NAMESPACE: Stack.of(scope).stackName,
      ...(tokenizerOf ? { SLINGSHOT_MODEL_DIRECTORY: posix.join('/var/task/model', tokenizerOf.model) } : {}),
    },
  });
  (made.node.defaultChild as CfnResource).addMetadata(functionFolder, folder);
  return made;
}
