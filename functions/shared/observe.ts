import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { StepMessage } from '../contracts/generation.ts';
import type { GenerationRecord } from '../contracts/generation-record.ts';
import type { Limited } from '../contracts/tiers.ts';
import { metricsNamespace } from './metrics-namespace.ts';

/**
 * What operators watch, as metrics by part, tier and outcome. Never by tenant: a dimension costs by the month for each of
 * its values, and whose a figure is stands in the table.
 */
let metrics: Metrics | undefined;

type Measured = Readonly<Record<string, readonly [(typeof MetricUnit)[keyof typeof MetricUnit], readonly number[]]>>;

function emit(dimensions: Readonly<Record<string, string>>, measured: Measured): void {
  // Made when it is first needed: a local cloud says before that whether there are any.
  metrics ??= new Metrics({ namespace: metricsNamespace(), serviceName: 'slingshot' });
  metrics.addDimensions({ ...dimensions });
  for (const [name, [unit, values]] of Object.entries(measured)) {
    for (const value of values) metrics.addMetric(name, unit, value);
  }
  metrics.publishStoredMetrics();
}

/** Which part a member is: any tenant's is one. */
export function partOf(member: string): 'core' | 'tenant' {
  return member === 'core' ? 'core' : 'tenant';
}

/**
 * Milliseconds of each part of some steps, `transport` is all between asking a model and its answer that is not the model; and
 * of each block that ended with one of them, the number of steps after which it was halted.
 *
 * @param block the generation's after the steps
 */
export function observeSteps(reports: readonly StepMessage[], block: number): void {
  const halted = Map.groupBy(reports, (report) => report.block);
  for (const [ended, own] of halted) {
    if (ended >= block) continue;
    emit({}, { StepsPerBlock: [MetricUnit.Count, [1 + Math.max(...own.map(({ step }) => step))]] });
  }
  const parts = new Map<string, number[]>();
  const add = (part: string, milliseconds: number) => parts.set(part, [...(parts.get(part) ?? []), milliseconds]);
  for (const { milliseconds, routes } of reports) {
    for (const [member, own] of Object.entries(milliseconds)) {
      if (!Object.hasOwn(routes, member)) {
        add(member, sum(own));
        continue;
      }
      const { transport = 0, ...inModel } = own;
      add(partOf(member), sum(inModel));
      add('transport', transport);
    }
  }
  for (const [part, values] of parts) emit({ part }, { StepMilliseconds: [MetricUnit.Milliseconds, values] });
}

/** A generation that ended. */
export function observeEnd({
  status,
  lanes,
  createdAt,
  endedAt,
  degraded,
}: Pick<GenerationRecord, 'status' | 'lanes' | 'createdAt' | 'endedAt' | 'degraded'>): void {
  const tokens = lanes.reduce((total, lane) => total + lane.tokens, 0);
  const steps = lanes.reduce((total, lane) => total + lane.steps, 0);
  const took = endedAt === undefined ? [] : [Date.parse(endedAt) - Date.parse(createdAt)];
  emit(
    { status },
    {
      Generations: [MetricUnit.Count, [1]],
      CommittedTokens: [MetricUnit.Count, [tokens]],
      GenerationMilliseconds: [MetricUnit.Milliseconds, took],
      DenoiseSteps: [MetricUnit.Count, [steps]],
      // Of every generation, so that its mean is their share.
      Degraded: [MetricUnit.Count, [degraded ? 1 : 0]],
      DegradedTokens: [MetricUnit.Count, degraded ? [degraded.tokens] : []],
      StepsPerToken: [MetricUnit.Count, tokens > 0 ? [steps / tokens] : []],
    },
  );
}

/** Rows of batches that began to wait, and those that did no more: done, or given up with their batch. */
export function observeRows(rows: 'admitted' | 'completed' | 'failed' | 'dropped', count: number): void {
  if (count > 0) emit({ rows }, { BatchRows: [MetricUnit.Count, [count]] });
}

/** A request that a tier's limits refused. */
export function observeThrottle(tier: string, limit: Limited): void {
  emit({ tier, limit }, { Throttled: [MetricUnit.Count, [1]] });
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}
