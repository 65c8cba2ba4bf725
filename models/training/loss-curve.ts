import { lineChart, type Series } from '../pictures/line-chart.ts';
import type { Metrics } from './metrics.ts';
import { rangeCount, rangeLabel } from './range-means.ts';

/** A run's losses over its steps by timestep range, as an SVG: of the training text drawn through, held-out dashed. */
export function lossCurve(metrics: readonly Metrics[], title: string): string {
  const curve = (name: string, dashed: boolean, pick: (line: Metrics) => number | null | undefined): Series => ({
    name,
    dashed,
    points: metrics.flatMap((line) => {
      const value = pick(line);
      return typeof value === 'number' && Number.isFinite(value) ? [[line.step, value] as const] : [];
    }),
  });
  const ranges = Array.from({ length: rangeCount }, (_, range) => [
    curve(`t ${rangeLabel(range)}`, false, ({ lossByRange }) => lossByRange[range]),
    curve(`t ${rangeLabel(range)}`, true, ({ validation }) => validation?.lossByRange[range]),
  ]).flat();
  const overall = [curve('all', false, ({ loss }) => loss), curve('all', true, ({ validation }) => validation?.loss)];
  return lineChart({
    title,
    subtitle: 'training text drawn through, held-out text dashed',
    x: 'step',
    y: 'cross-entropy, nats a token',
    series: [...ranges, ...overall].filter(({ points }) => points.length > 0),
  });
}
