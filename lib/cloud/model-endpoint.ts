import { createHash } from 'node:crypto';
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnEndpoint, CfnEndpointConfig, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import type { FleetModel } from '../fleet.ts';
import { processesOf } from '../processes.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact, Artefacts } from './artefacts.ts';
import { componentScaling, type Scaling } from './component-scaling.ts';
import { logs } from './logs.ts';
import { ModelDefinition, mayWriteLogs } from './model-definition.ts';
import { physicalName } from './physical-name.ts';
import { serviceRole } from './service-role.ts';

export interface ModelEndpointProps {
  /** Its name; its inference components' begin with it. */
  readonly name: string;
  readonly models: readonly FleetModel[];
  readonly artefacts: Artefacts;
  readonly image: Artefact;
  readonly instanceType: string;
  readonly instances: number;
  readonly provider: 'cuda' | 'cpu';
  readonly scaling: Scaling & {
    /** Of the endpoint, which SageMaker adds and removes as its components need them. */
    readonly instances: number;
  };
}

export const variantName = 'main';
export const startupSeconds = 600;
/** What a component may take of its instance, beside one GPU or one processor. */
const componentMemoryMebibytes = { cuda: 4096, cpu: 1024 };

export function componentResources(provider: 'cuda' | 'cpu'): Readonly<Record<string, number>> {
  return {
    [provider === 'cuda' ? 'numberOfAcceleratorDevicesRequired' : 'numberOfCpuCoresRequired']: 1,
    minMemoryRequiredInMb: componentMemoryMebibytes[provider],
  };
}

/**
 * The inference component that a process' models run as. A new version of one of them is another component, so that no
 * generation in flight gets answers of two.
 */
export function componentName(endpoint: string, models: readonly FleetModel[]): string {
  const versions = models.flatMap(({ endpoint: { version } }) => version ?? []);
  const together = versions.length > 1 ? createHash('sha256').update(versions.join()).digest('hex') : versions[0];
  return physicalName(endpoint, models[0].name, ...(together ? [together.slice(0, 8)] : []));
}

/** A SageMaker real-time endpoint, of which each model is an inference component. */
export class ModelEndpoint extends Construct {
  constructor(scope: Construct, id: string, props: ModelEndpointProps) {
    super(scope, id);
    const { name, models, artefacts, image, instanceType, instances, provider, scaling } = props;
    const logGroup = logs(this, 'Logs', `/aws/sagemaker/Endpoints/${name}`);
    const componentLogs = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: `/aws/sagemaker/InferenceComponents/${name}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const role = serviceRole(this, 'Role', 'sagemaker.amazonaws.com', [
      ...image.mayRead,
      new PolicyStatement({ actions: mayWriteLogs, resources: [logGroup.logGroupArn, componentLogs] }),
    ]);
    acknowledge(role, {
      'IAM5[Resource::*]': 'ecr:GetAuthorizationToken cannot be restricted to a repository.',
      [`IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/sagemaker/InferenceComponents/${name}-*]`]:
        "The logs of the endpoint's own components, whose names begin with its.",
    });
    const config = new CfnEndpointConfig(this, 'Config', {
      executionRoleArn: role.roleArn,
      enableNetworkIsolation: true,
      productionVariants: [
        {
          variantName,
          instanceType,
          initialInstanceCount: instances,
          managedInstanceScaling: {
            status: 'ENABLED',
            minInstanceCount: scaling.min,
            maxInstanceCount: Math.max(instances, scaling.instances),
          },
          containerStartupHealthCheckTimeoutInSeconds: startupSeconds,
          routingConfig: { routingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
        },
      ],
    });
    config.node.addDependency(role);
    const endpoint = new CfnEndpoint(this, 'Endpoint', {
      endpointName: name,
      endpointConfigName: config.attrEndpointConfigName,
    });
    endpoint.node.addDependency(config, logGroup);
    for (const together of processesOf(models)) {
      const component = componentName(name, together);
      const definition = new ModelDefinition(this, `Model-${together[0].name}`, {
        ...{ models: together, artefacts, image, componentName: component, provider },
      });
      const placed = new CfnInferenceComponent(definition, 'Component', {
        inferenceComponentName: component,
        endpointName: name,
        variantName,
        runtimeConfig: { copyCount: 1 },
        specification: {
          modelName: definition.name,
          startupParameters: { containerStartupHealthCheckTimeoutInSeconds: startupSeconds },
          computeResourceRequirements: componentResources(provider),
        },
      });
      placed.node.addDependency(endpoint);
      componentScaling(definition, placed, component, scaling);
    }
  }
}
