import { CfnScalableTarget, CfnScalingPolicy } from 'aws-cdk-lib/aws-applicationautoscaling';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';

/** How a component's copies follow its load. */
export interface Scaling {
  /** Copies; with 0 it goes away when nobody asks it, and every call of it fails until it is back. */
  readonly min: number;
  readonly max: number;
  /** Calls at the same time that a copy is meant to have. */
  readonly concurrentRequests: number;
  /** How long a copy more than is needed stays. */
  readonly idleMinutes: number;
}

const serviceNamespace = 'sagemaker';
const scalableDimension = 'sagemaker:inference-component:DesiredCopyCount';

/** Copies by calls at once; and one that went away comes back by the first call that finds none. */
export function componentScaling(
  scope: Construct,
  component: CfnInferenceComponent,
  name: string,
  { min, max, concurrentRequests, idleMinutes }: Scaling,
): void {
  const target = new CfnScalableTarget(scope, 'Copies', {
    ...{ serviceNamespace, scalableDimension, resourceId: `inference-component/${name}` },
    ...{ minCapacity: min, maxCapacity: Math.max(min, max) },
  });
  target.node.addDependency(component);
  new CfnScalingPolicy(scope, 'ByLoad', {
    ...{ policyName: `${name}-load`, policyType: 'TargetTrackingScaling', scalingTargetId: target.ref },
    targetTrackingScalingPolicyConfiguration: {
      predefinedMetricSpecification: {
        predefinedMetricType: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
      },
      ...{ targetValue: concurrentRequests, scaleInCooldown: idleMinutes * 60, scaleOutCooldown: 60 },
    },
  });
  if (min > 0) return;
  const waking = new CfnScalingPolicy(scope, 'Wake', {
    ...{ policyName: `${name}-wake`, policyType: 'StepScaling', scalingTargetId: target.ref },
    stepScalingPolicyConfiguration: {
      ...{ adjustmentType: 'ChangeInCapacity', metricAggregationType: 'Maximum', cooldown: 60 },
      stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }],
    },
  });
  new CfnAlarm(scope, 'Asleep', {
    alarmDescription: `${name} was asked and has no copy; it wakes`,
    ...{ namespace: 'AWS/SageMaker', metricName: 'NoCapacityInvocationFailures', statistic: 'Maximum', period: 60 },
    dimensions: [{ name: 'InferenceComponentName', value: name }],
    ...{ comparisonOperator: 'GreaterThanOrEqualToThreshold', threshold: 1, evaluationPeriods: 1 },
    treatMissingData: 'missing',
    alarmActions: [waking.ref],
  });
}
