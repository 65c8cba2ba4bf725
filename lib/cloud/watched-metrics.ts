import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';
import { variantName } from './model-endpoint.ts';
import type { ServiceStack } from './service-stack.ts';

export type Watched = Pick<ServiceStack, 'gateway' | 'machines' | 'functions' | 'stackName'>;

const period = Duration.minutes(1);

/** A metric of functions/shared/observe.ts. */
export function ownMetric(
  { stackName: namespace }: Pick<Watched, 'stackName'>,
  metricName: string,
  dimensions: Readonly<Record<string, string>>,
  statistic: string,
  label?: string,
): Metric {
  return new Metric({
    ...{ namespace, metricName, statistic, period },
    dimensionsMap: { service: 'slingshot', ...dimensions },
    ...(label === undefined ? {} : { label }),
  });
}

/** A metric of SageMaker's about the calls of an endpoint's variant. */
export function endpointMetric(
  endpoint: string,
  metricName: string,
  statistic: string,
  extra: Partial<MetricProps> = {},
) {
  return new Metric({
    ...{ namespace: 'AWS/SageMaker', metricName, statistic, period },
    dimensionsMap: { EndpointName: endpoint, VariantName: variantName },
    label: endpoint,
    ...extra,
  });
}

/** A metric of SageMaker's about the instances of an endpoint, each of which gives one value a minute. */
export function instanceMetric(endpoint: string, metricName: string, statistic: string): Metric {
  const label = `${endpoint}, ${metricName.replace('Utilization', '')}`;
  return endpointMetric(endpoint, metricName, statistic, { namespace: '/aws/sagemaker/Endpoints', label });
}

/** A metric of SageMaker's over all inference components of the account and region, of which there may be thousands. */
export function componentsMetric(metricName: string, statistic: 'Maximum' | 'Sum', label: string): MathExpression {
  const all = `SEARCH('{AWS/SageMaker,InferenceComponentName} MetricName="${metricName}"', '${statistic}', 60)`;
  return new MathExpression({ expression: `${statistic === 'Sum' ? 'SUM' : 'MAX'}(${all})`, label, period });
}
