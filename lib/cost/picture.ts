import { lineChart, type Series } from '../../models/pictures/line-chart.ts';
import { placements } from './cost.ts';
import { type Outcome, outcomeOf } from './fleets.ts';
import type { Prices } from './prices.ts';
import type { Scenario } from './scenario.ts';

export const visits = [1, 2, 4, 8, 24];
export const arrivals = [0.5, 1, 2];
const shares = [0, 0.25, 0.5, 0.75, 1];
/** Of the charts against the mix. */
const [usualVisit, usualArrivals] = [4, 1];
const [width, height, columns] = [760, 440, 3];

/**
 * A simulated fleet's latency, GPU use and dollars, against the steps of a visit in the upper row and against the share of
 * requests that ask a tenant's model in the lower one, as the text of an SVG file.
 */
export function fleetPicture(prices: Prices, scenario: Scenario): string {
  const byLoad = arrivals.map((arrivalsPerSecond) => ({
    name: `${arrivalsPerSecond} generations a second`,
    outcomes: visits.map((visit) => outcomeOf(prices, scenario, { visit, arrivalsPerSecond })),
  }));
  const byPlacement = placements.map(({ of }) => ({
    name: `${of(scenario).tenantsPerInstance} on an ${of(scenario).tenantInstance}`,
    outcomes: shares.map((withTenant) =>
      outcomeOf(prices, of(scenario), { visit: usualVisit, arrivalsPerSecond: usualArrivals, withTenant }),
    ),
  }));
  const [one] = byPlacement;
  const x = (of: (outcome: Outcome) => number, y: (outcome: Outcome) => number, all: typeof byLoad): Series[] =>
    all.map(({ name, outcomes }) => ({ name, points: outcomes.map((outcome) => [of(outcome), y(outcome)] as const) }));
  const visit = ({ visit }: Outcome) => visit;
  const share = ({ withTenant = 1 }: Outcome) => 100 * withTenant;
  const busy = ({ busy }: Outcome) => 100 * busy;
  const [against, ofMix] = ['steps a visit, K', '% of the generations that ask a tenant’s model, too'];
  const k = { x: against, logarithmicX: true };
  const charts = [
    lineChart({
      ...k,
      title: 'Latency of a generation, median of those that wake nothing',
      y: 's',
      series: x(visit, ({ warm }) => warm, byLoad),
    }),
    lineChart({ ...k, title: 'Of the core’s GPU, paid by the hour, in use', y: '%', series: x(visit, busy, byLoad) }),
    lineChart({
      ...k,
      title: 'Dollars by a million tokens',
      y: '$',
      series: x(visit, ({ dollars }) => dollars, byLoad),
    }),
    lineChart({
      ...{ title: 'Generations that meet a component that sleeps', x: ofMix, y: '%' },
      series: x(share, ({ cold }) => 100 * cold, [
        { ...one, name: `${usualArrivals} generation a second, K ${usualVisit}` },
      ]),
    }),
    lineChart({
      ...{ title: 'Components of tenants that are there, of 1,000', x: ofMix, y: '' },
      series: x(share, ({ awake }) => awake, [{ ...one, name: `${usualArrivals} generation a second` }]),
    }),
    lineChart({
      ...{ title: 'Dollars by a million tokens', x: ofMix, y: '$', logarithmicY: true },
      series: x(share, ({ dollars }) => dollars, byPlacement),
    }),
  ];
  const rows = Math.ceil(charts.length / columns);
  const placed = charts.map((chart, i) => {
    const [left, top] = [width * (i % columns), height * Math.floor(i / columns)];
    return chart.replace(/^<svg /, `<svg x="${left}" y="${top}" `);
  });
  const size = `width="${columns * width}" height="${rows * height}" viewBox="0 0 ${columns * width} ${rows * height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<title>A simulated fleet</title>\n${placed.join('\n')}\n</svg>\n`;
}
