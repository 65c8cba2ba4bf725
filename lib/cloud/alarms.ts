import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { endpointMetric, ownMetric, type Watched } from './watched-metrics.ts';

/** Something that somebody must look at now; its name is a heading of docs/operating.md. */
export interface WatchedLimit {
  readonly name: string;
  /** Of one of several with a name. */
  readonly number?: number;
  readonly description: string;
  readonly metric: IMetric;
  readonly threshold: number;
  readonly evaluationPeriods: number;
}

/** Seconds that a step may take before its callers notice. */
const slowStepMilliseconds = 2_000;

/** CloudWatch's limit on the metrics that an alarm's expression has. */
const mostMetrics = 10;

function inGroups(endpoints: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(endpoints.length / mostMetrics) }, (_, i) =>
    endpoints.slice(i * mostMetrics, (i + 1) * mostMetrics),
  );
}

export function alarmsOf({
  service,
  endpoints,
}: {
  readonly service: Watched;
  readonly endpoints: readonly string[];
}): WatchedLimit[] {
  const five = Duration.minutes(5);
  const generations = (status: string) => ownMetric(service, 'Generations', { status }, 'Sum').with({ period: five });
  return [
    {
      name: 'GenerationsFail',
      description: 'More than 2 % of generations failed.',
      metric: new MathExpression({
        expression: '100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(succeeded, 0) + 0.0001)',
        usingMetrics: { failed: generations('failed'), succeeded: generations('succeeded') },
        period: five,
      }),
      threshold: 2,
      evaluationPeriods: 3,
    },
    {
      name: 'StepsAreSlow',
      description: `One step of a core in a hundred took more than ${slowStepMilliseconds / 1000} s.`,
      metric: ownMetric(service, 'StepMilliseconds', { part: 'core' }, 'p99').with({ period: five }),
      threshold: slowStepMilliseconds,
      evaluationPeriods: 3,
    },
    ...inGroups(endpoints).map((group, number) => ({
      name: 'EndpointFails',
      ...(number > 0 ? { number: number + 1 } : {}),
      description: 'An endpoint answers with errors of its own.',
      metric: new MathExpression({
        expression: 'SUM(METRICS())',
        usingMetrics: Object.fromEntries(
          group.map((endpoint, i) => [`e${i}`, endpointMetric(endpoint, 'Invocation5XXErrors', 'Sum')]),
        ),
        period: five,
      }),
      threshold: 10,
      evaluationPeriods: 2,
    })),
    {
      name: 'ApiFails',
      description: 'The API answers with errors of its own.',
      metric: service.gateway.metricServerError({ period: five, statistic: 'Sum' }),
      threshold: 5,
      evaluationPeriods: 2,
    },
    {
      name: 'DeploymentsFail',
      description: "A tenant's own model could not be deployed for a reason that is not the model's.",
      metric: service.machines.deployModel.metricFailed({ period: five }),
      threshold: 0,
      evaluationPeriods: 1,
    },
  ];
}
