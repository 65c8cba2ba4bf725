import { Stack } from 'aws-cdk-lib';
import { CfnEndpoint, CfnEndpointConfig, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import type { FleetModel } from '../fleet.ts';
import type { Artefact, Artefacts } from './artefacts.ts';
import { ModelDefinition } from './model-definition.ts';

export interface ModelEndpointProps {
  /** One model, which is all that the endpoint serves, or several, each an inference component of it. */
  readonly models: readonly FleetModel[];
  readonly artefacts: Artefacts;
  readonly image: Artefact;
  /** A GPU instance type, such as ml.g5.xlarge. */
  readonly instanceType: string;
  readonly instances: number;
}

const variantName = 'main';
const startupSeconds = 600;
/** What a component may take of its instance beside one GPU. */
const componentMemoryMebibytes = 4096;

/** A SageMaker real-time endpoint. */
export class ModelEndpoint extends Construct {
  /** What its callers must be allowed to invoke. */
  readonly arns: readonly string[];

  constructor(scope: Construct, id: string, props: ModelEndpointProps) {
    super(scope, id);
    const { models, artefacts, image, instanceType, instances } = props;
    const stack = Stack.of(this);
    const shared = models.length > 1;
    const { endpoint: endpointName } = models[0].endpoint;
    const definitions = models.map(
      (model) => new ModelDefinition(this, shared ? `Model-${model.name}` : 'Definition', model, artefacts, image),
    );
    const config = new CfnEndpointConfig(this, 'Config', {
      // An endpoint of components takes its models with them, and its own role instead of theirs.
      ...(shared ? { executionRoleArn: definitions[0].role.roleArn } : {}),
      productionVariants: [
        {
          variantName,
          instanceType,
          initialInstanceCount: instances,
          containerStartupHealthCheckTimeoutInSeconds: startupSeconds,
          ...(shared
            ? { routingConfig: { routingStrategy: 'LEAST_OUTSTANDING_REQUESTS' } }
            : { modelName: definitions[0].name, initialVariantWeight: 1 }),
        },
      ],
    });
    const endpoint = new CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
    });
    endpoint.node.addDependency(config);
    const arn = (resource: string, resourceName: string) =>
      stack.formatArn({ service: 'sagemaker', resource, resourceName });
    if (shared) for (const [i, { name }] of models.entries()) this.#component(name, definitions[i], endpoint);
    this.arns = [
      arn('endpoint', endpointName),
      ...(shared ? models.map(({ name }) => arn('inference-component', name)) : []),
    ];
  }

  /** One model on one GPU of the endpoint's. */
  #component(name: string, definition: ModelDefinition, endpoint: CfnEndpoint): void {
    const component = new CfnInferenceComponent(this, `Component-${name}`, {
      inferenceComponentName: name,
      endpointName: endpoint.endpointName as string,
      variantName,
      runtimeConfig: { copyCount: 1 },
      specification: {
        modelName: definition.name,
        startupParameters: { containerStartupHealthCheckTimeoutInSeconds: startupSeconds },
        computeResourceRequirements: {
          numberOfAcceleratorDevicesRequired: 1,
          minMemoryRequiredInMb: componentMemoryMebibytes,
        },
      },
    });
    component.node.addDependency(endpoint, definition);
  }
}
