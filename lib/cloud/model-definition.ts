import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import type { FleetModel } from '../fleet.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact, Artefacts } from './artefacts.ts';

/** The serving image with a model's weights, as SageMaker starts it, and the role that it runs under. */
export class ModelDefinition extends Construct {
  readonly name: string;
  readonly role: Role;

  constructor(scope: Construct, id: string, model: FleetModel, artefacts: Artefacts, image: Artefact) {
    super(scope, id);
    const stack = Stack.of(this);
    const weights = artefacts.weights(this, model);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('sagemaker.amazonaws.com') });
    weights.grantRead(role);
    image.grantRead(role);
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
      primaryContainer: { image: image.uri, modelDataUrl: weights.uri },
    });
    definition.node.addDependency(role);
    this.name = definition.attrModelName;
    this.role = role;
  }
}
