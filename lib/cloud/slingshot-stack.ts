import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Fleet } from '../fleet.ts';
import { acknowledge, logicalId } from './acknowledge.ts';
import type { Artefacts } from './artefacts.ts';
import { denoiseBlock } from './denoise-block.ts';
import { envelopeBucket } from './envelope-bucket.ts';
import { generate } from './generate.ts';
import { lambdaFunction } from './lambda-function.ts';
import { inlineBytes } from './largest-state.ts';
import { ModelEndpoint } from './model-endpoint.ts';

export interface SlingshotStackProps extends StackProps {
  readonly fleet: Fleet;
  readonly artefacts: Artefacts;
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
  readonly coreInstanceType: string;
  /** How many of them; absent: one a core model, for types with one GPU. */
  readonly coreInstances?: number;
  readonly tenantInstanceType: string;
}

/** Whose the bucket's objects are: a tenant's, or nobody's. */
const ownedPrefixes = ['tenants/*', 'shared/*'];

/** SageMaker gives an endpoint 60 seconds to answer. */
const endpointTimeout = Duration.seconds(60);
const callTimeout = Duration.seconds(70);

/** All of Slingshot: model endpoints, functions, and the state machines that drive them. */
export class SlingshotStack extends Stack {
  constructor(scope: Construct, id: string, props: SlingshotStackProps) {
    super(scope, id, props);
    const { fleet } = props;
    const endpoints = this.#endpoints(props);
    const bucket = envelopeBucket(this);
    const mayUseBucket = new PolicyStatement({
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: ownedPrefixes.map((prefix) => bucket.arnForObjects(prefix)),
    });
    const mayInvoke = new PolicyStatement({
      actions: ['sagemaker:InvokeEndpoint'],
      resources: endpoints.flatMap(({ arns }) => arns),
    });
    const environment = {
      SLINGSHOT_BUCKET: bucket.bucketName,
      SLINGSHOT_INLINE_BYTES: String(inlineBytes(fleet)),
      SLINGSHOT_CATALOG: JSON.stringify(fleet.catalog),
      SLINGSHOT_KEPT: String(props.kept),
      SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(endpointTimeout.toMilliseconds()),
    };
    const make = (
      name: string,
      folder: string,
      timeout: Duration,
      statements: PolicyStatement[],
      tokenizer = false,
    ) => {
      const made = lambdaFunction(this, name, {
        folder,
        timeout,
        environment,
        statements,
        ...(tokenizer ? { tokenizerOf: fleet.core.directory } : {}),
      });
      if (statements.includes(mayUseBucket) && made.role) {
        acknowledge(
          made.role,
          Object.fromEntries(
            ownedPrefixes.map((prefix) => [
              `IAM5[Resource::<${logicalId(bucket)}.Arn>/${prefix}]`,
              'Keys under it are digests of their content, not known beforehand.',
            ]),
          ),
        );
      }
      return made;
    };
    const invokeModel = make('InvokeModel', 'invoke-model', callTimeout, [mayInvoke, mayUseBucket]);
    const reduce = make('Reduce', 'reduce', Duration.seconds(30), [mayUseBucket]);
    const denoiseVisit = make('DenoiseVisit', 'denoise-visit', Duration.seconds(100), [mayInvoke, mayUseBucket]);
    const prepare = make('Prepare', 'prepare', Duration.seconds(30), [mayUseBucket], true);
    const finish = make('Finish', 'finish', Duration.seconds(30), [], true);
    const block = denoiseBlock(this, { invokeModel, reduce, denoiseVisit, callTimeout });
    const generation = generate(this, { prepare, finish, denoiseBlock: block });
    new CfnOutput(this, 'GenerateArn', { value: generation.stateMachineArn });
  }

  #endpoints(props: SlingshotStackProps): ModelEndpoint[] {
    const { fleet, artefacts, coreInstanceType, coreInstances, tenantInstanceType } = props;
    const image = artefacts.image(this);
    const cores = fleet.models.filter(({ role }) => role === 'core');
    const core = new ModelEndpoint(this, 'Endpoint-core', {
      models: cores,
      ...{ artefacts, image },
      instanceType: coreInstanceType,
      instances: coreInstances ?? cores.length,
    });
    const tenants = fleet.models.filter(({ role }) => role === 'tenant');
    return [
      core,
      ...tenants.map(
        (model) =>
          new ModelEndpoint(this, `Endpoint-${model.name}`, {
            models: [model],
            ...{ artefacts, image },
            instanceType: tenantInstanceType,
            instances: 1,
          }),
      ),
    ];
  }
}
