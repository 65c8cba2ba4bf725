import { join } from 'node:path';
import { ArnFormat, BundlingOutput, DockerImage, Stack } from 'aws-cdk-lib';
import type { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { create } from 'tar';
import { modelFiles } from '../../models/checkpoint/model-directory.ts';
import type { FleetModel } from '../fleet.ts';
import { acknowledge } from './acknowledge.ts';

/** The serving image with a model's weights, as SageMaker starts it, and the role that it runs under. */
export class ModelDefinition extends Construct {
  readonly name: string;
  readonly role: Role;

  constructor(scope: Construct, id: string, model: FleetModel, image: DockerImageAsset) {
    super(scope, id);
    const stack = Stack.of(this);
    const weights = modelArchive(this, model.directory);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('sagemaker.amazonaws.com') });
    weights.bucket.grantRead(role, weights.s3ObjectKey);
    image.repository.grantPull(role);
    role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
        resources: [
          stack.formatArn({
            service: 'logs',
            resource: 'log-group',
            resourceName: '/aws/sagemaker/Endpoints/*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ],
      }),
    );
    acknowledge(role, {
      'IAM5[Action::s3:GetBucket*]': 'Reading the one archive of its weights, as the asset grants it.',
      'IAM5[Action::s3:GetObject*]': 'Reading the one archive of its weights, as the asset grants it.',
      'IAM5[Action::s3:List*]': 'Reading the one archive of its weights, as the asset grants it.',
      'IAM5[Resource::*]': 'ecr:GetAuthorizationToken cannot be restricted to a repository.',
      'IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/sagemaker/Endpoints/*]':
        'SageMaker creates the log group under a name of its own.',
    });
    const definition = new CfnModel(this, 'Model', {
      executionRoleArn: role.roleArn,
      primaryContainer: { image: image.imageUri, modelDataUrl: weights.s3ObjectUrl },
    });
    definition.node.addDependency(role);
    this.name = definition.attrModelName;
    this.role = role;
  }
}

/** The model directory as the tar.gz that SageMaker unpacks into /opt/ml/model. */
function modelArchive(scope: Construct, directory: string): Asset {
  return new Asset(scope, 'Weights', {
    path: directory,
    bundling: {
      image: DockerImage.fromRegistry('unused: the archive is made without Docker'),
      outputType: BundlingOutput.ARCHIVED,
      local: {
        tryBundle(outputDirectory) {
          const options = { cwd: directory, gzip: true, portable: true, sync: true, mtime: new Date(0) } as const;
          create({ ...options, file: join(outputDirectory, 'model.tar.gz') }, Object.values(modelFiles));
          return true;
        },
      },
    },
  });
}
