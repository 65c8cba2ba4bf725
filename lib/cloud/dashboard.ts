import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  GraphWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
  MathExpression,
} from 'aws-cdk-lib/aws-cloudwatch';
import { limited } from '../../functions/contracts/tiers.ts';
import { componentsMetric, endpointMetric, instanceMetric, ownMetric, type Watched } from './watched-metrics.ts';

export interface DashboardProps {
  readonly service: Watched;
  readonly endpoints: readonly string[];
  readonly alarms: readonly IAlarm[];
  readonly tiers: readonly string[];
  /** Calls at the same time that a copy is meant to have. */
  readonly concurrentRequests: number;
  /** Dollars an hour of an instance, by endpoint; those whose price is not known are left out. */
  readonly hourly: ReadonlyMap<string, number>;
}

const [third, quarter, height] = [8, 6, 6];
const minute = Duration.minutes(1);

/** One page: latency, traffic, errors and saturation first, then where a step's time goes, then what it costs. */
export function dashboardOf(props: DashboardProps): IWidget[][] {
  const { service, endpoints, alarms, tiers, concurrentRequests, hourly } = props;
  const graph = (title: string, left: readonly IMetric[], width: number, label: string) =>
    new GraphWidget({ title, left: [...left], width, height, leftYAxis: { label, showUnits: false, min: 0 } });
  const own = (name: string, dimensions: Record<string, string>, statistic: string, label?: string) =>
    ownMetric(service, name, dimensions, statistic, label);
  const statuses = ['succeeded', 'failed', 'cancelled'];
  const each = (name: string, statistic: string) =>
    endpoints.map((endpoint) => endpointMetric(endpoint, name, statistic));
  const parts = ['core', 'tenant', 'transport', 'reduce'];
  return [
    [
      graph(
        'Latency: a whole generation',
        ['p50', 'p99'].map((p) => own('GenerationMilliseconds', { status: 'succeeded' }, p, p)),
        quarter,
        'ms',
      ),
      graph(
        'Traffic: generations',
        statuses.map((status) => own('Generations', { status }, 'Sum', status)),
        quarter,
        'a minute',
      ),
      graph(
        'Errors',
        [
          service.gateway.metricServerError({ statistic: 'Sum', label: 'API, 5xx' }),
          ...each('Invocation5XXErrors', 'Sum'),
          service.machines.generate.metricFailed({ label: 'generations' }),
        ],
        quarter,
        'a minute',
      ),
      new GraphWidget({
        title: 'Saturation: in flight a copy, against what it is meant to have',
        left: [
          componentsMetric('ConcurrentRequestsPerCopy', 'Maximum', 'the fullest copy'),
          componentsMetric('NoCapacityInvocationFailures', 'Sum', 'calls that found no copy'),
        ],
        leftAnnotations: [{ value: concurrentRequests, label: 'capacity' }],
        ...{ width: quarter, height, leftYAxis: { label: 'calls', showUnits: false, min: 0 } },
      }),
    ],
    [
      graph(
        'A step by part, median',
        parts.map((part) => own('StepMilliseconds', { part }, 'p50', part)),
        third,
        'ms',
      ),
      graph(
        'A step by part, slowest in a hundred',
        parts.map((part) => own('StepMilliseconds', { part }, 'p99', part)),
        third,
        'ms',
      ),
      graph(
        'Steps a block: where it is halted',
        ['p50', 'p99'].map((p) => own('StepsPerBlock', {}, p, p)),
        third,
        'steps',
      ),
    ],
    [
      graph(
        'Committed tokens',
        [
          new MathExpression({
            expression: 'tokens / PERIOD(tokens)',
            usingMetrics: { tokens: own('CommittedTokens', { status: 'succeeded' }, 'Sum') },
            ...{ label: 'tokens', period: minute },
          }),
        ],
        third,
        'a second',
      ),
      graph(
        'Refused by a tier’s limits',
        tiers.map((tier) => refusals(service, tier)),
        third,
        'a minute',
      ),
      graph('Rows of batches that wait, since the left edge', [backlog(service)], third, 'rows'),
    ],
    [
      graph('Endpoints’ instances', [spending(hourly)], third, 'dollars an hour'),
      graph(
        'Tenants’ own models that could not be deployed',
        [service.machines.deployModel.metricFailed({ label: 'deployments' })],
        third,
        'a minute',
      ),
    ],
    [
      graph(
        'Generations that went on without their tenant’s model',
        [own('Degraded', { status: 'succeeded' }, 'Average', 'share of them')],
        third,
        '1 is all',
      ),
      graph(
        'Tokens made without it',
        [own('DegradedTokens', { status: 'succeeded' }, 'Sum', 'tokens')],
        third,
        'a minute',
      ),
      graph('Steps a token', [own('StepsPerToken', { status: 'succeeded' }, 'p50', 'median')], third, 'steps'),
    ],
    [
      graph(
        'GPU and processor in use',
        ['GPUUtilization', 'CPUUtilization'].flatMap((name) =>
          endpoints.map((endpoint) => instanceMetric(endpoint, name, 'Average')),
        ),
        third,
        '%',
      ),
      graph(
        'Executions of Step Functions that were held back',
        [
          service.machines.generate.metricThrottled({ label: 'Generate' }),
          service.machines.denoiseBlock.metricThrottled({ label: 'DenoiseBlock' }),
        ],
        third,
        'a minute',
      ),
      new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: third, height }),
    ],
  ];
}

/** Of a tier, by whichever of its limits. */
function refusals(service: Watched, tier: string): IMetric {
  const metrics = limited.map((limit) => [limit, ownMetric(service, 'Throttled', { tier, limit }, 'Sum')] as const);
  const expression = limited.map((limit) => `FILL(${tier}_${limit}, 0)`).join(' + ');
  const usingMetrics = Object.fromEntries(metrics.map(([limit, metric]) => [`${tier}_${limit}`, metric]));
  return new MathExpression({ expression, usingMetrics, label: tier, period: minute });
}

/** Rows that were admitted and have not ended; those that waited before are not known. */
function backlog(service: Watched): IMetric {
  const rows = (rows: string) => ownMetric(service, 'BatchRows', { rows }, 'Sum');
  const ended = ['completed', 'failed', 'dropped'];
  return new MathExpression({
    expression: `RUNNING_SUM(FILL(admitted, 0)${ended.map((name) => ` - FILL(${name}, 0)`).join('')})`,
    usingMetrics: Object.fromEntries(['admitted', ...ended].map((name) => [name, rows(name)])),
    ...{ label: 'rows', period: minute },
  });
}

/** An instance gives a value of each of its metrics a minute: how many came is how many there are. */
function spending(hourly: ReadonlyMap<string, number>): IMetric {
  const known = [...hourly];
  return new MathExpression({
    expression: known.map(([, dollars], i) => `${dollars} * FILL(e${i}, 0)`).join(' + ') || '0',
    usingMetrics: Object.fromEntries(
      known.map(([endpoint], i) => [`e${i}`, instanceMetric(endpoint, 'CPUUtilization', 'SampleCount')]),
    ),
    ...{ label: 'dollars', period: minute },
  });
}
