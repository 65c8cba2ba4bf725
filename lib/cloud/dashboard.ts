import { AlarmStatusWidget, GraphWidget, type IAlarm, type IMetric, type IWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { endpointMetric, ownMetric, type Watched } from './watched-metrics.ts';

export interface DashboardProps {
  readonly service: Watched;
  readonly endpoints: readonly string[];
  readonly alarms: readonly IAlarm[];
  readonly tiers: readonly string[];
}

const [third, quarter, height] = [8, 6, 6];

/** One page: latency, traffic, errors and saturation first, then where a step's time goes, then what it costs. */
export function dashboardOf({ service, endpoints, alarms, tiers }: DashboardProps): IWidget[][] {
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
      graph(
        'Saturation: calls at once a copy, and calls that found none',
        [...each('ConcurrentRequestsPerCopy', 'Maximum'), ...each('NoCapacityInvocationFailures', 'Sum')],
        quarter,
        '',
      ),
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
      graph('Steps a token', [own('StepsPerToken', { status: 'succeeded' }, 'p50', 'median')], third, 'steps'),
    ],
    [
      graph('Committed tokens', [own('CommittedTokens', { status: 'succeeded' }, 'Sum', 'tokens')], third, 'a minute'),
      graph(
        'Refused by a tier’s limits',
        tiers.map((tier) => own('Throttled', { tier, limit: 'inFlight' }, 'Sum', `${tier}, at once`)),
        third,
        'a minute',
      ),
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
    ],
    [
      graph(
        'GPU and processor in use',
        [...each('GPUUtilization', 'Average'), ...each('CPUUtilization', 'Average')],
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
