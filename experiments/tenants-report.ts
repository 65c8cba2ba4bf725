import { tenths as weights } from '../models/evaluation/next-token-cost.ts';
import { ClusterMean, type Estimate, formatEstimate } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import type { Report } from './report.ts';

/** Tenants of every kind, and whether they see the private context, too. */
const kinds = ['counts', 'reading', '6 layers', '6 layers + counts', 'tuned', 'tuned + counts'] as const;
const privately = ', private';
const pairs = kinds.flatMap((kind) => [kind, `${kind}${privately}`] as const);
export const settings = ['ratio', 'network', ...pairs] as const;
export type Setting = (typeof settings)[number];

export function isPrivate(setting: Setting): boolean {
  return setting.endsWith(privately);
}

/** Of the model that a setting asks, private context or not. */
export function memberName(setting: Setting): string {
  return isPrivate(setting) ? setting.slice(0, -privately.length) : setting;
}

export interface Document {
  /** By setting and weight: nats of all predicted tokens; of the settings that there are for the tenant. */
  readonly nats: Readonly<Record<string, readonly number[]>>;
  readonly tokens: number;
}

interface TenantResult {
  readonly tenant: string;
  readonly read: readonly Document[];
}

/** The weight of each setting is chosen on every other document and reported on the rest. */
class Measured {
  readonly tenant: string;
  readonly #choosing: readonly Document[];
  readonly #reporting: readonly Document[];

  constructor({ tenant, read }: TenantResult) {
    this.tenant = tenant;
    [this.#choosing, this.#reporting] = [0, 1].map((odd) => read.filter((_, i) => i % 2 === odd));
  }

  has(setting: Setting): boolean {
    return setting in this.#reporting[0].nats;
  }

  weightOf(setting: Setting): number {
    return weights[this.#best(setting)];
  }

  #best(setting: Setting): number {
    const found = weights.map((_, at) => mean(this.#choosing, ({ nats }) => nats[setting][at]).mean);
    return found.indexOf(Math.min(...found));
  }

  get core(): Estimate {
    return mean(this.#reporting, ({ nats }) => nats.ratio[0]);
  }

  alone(setting: Setting): Estimate {
    return mean(this.#reporting, ({ nats }) => nats[setting][weights.length - 1]);
  }

  both(setting: Setting): Estimate {
    const at = this.#best(setting);
    return mean(this.#reporting, ({ nats }) => nats[setting][at]);
  }

  /** The share of its nats that the better of core and tenant costs more than both. */
  gain(setting: Setting): number {
    return 1 - this.both(setting).mean / Math.min(this.core.mean, this.alone(setting).mean);
  }

  /** What both cost less than with another tenant, document by document. */
  less(setting: Setting, other: Setting): Estimate {
    const [at, otherAt] = [this.#best(setting), this.#best(other)];
    return mean(this.#reporting, ({ nats }) => nats[other][otherAt] - nats[setting][at]);
  }
}

function mean(read: readonly Document[], nats: (document: Document) => number): Estimate {
  const found = new ClusterMean();
  for (const document of read) found.add(nats(document), document.tokens);
  return found.estimate;
}

const reading = (setting: Setting): Setting => (isPrivate(setting) ? `reading${privately}` : 'reading');

function rowsOf(measured: Measured): string[][] {
  const both = (setting: Setting) => `${formatEstimate(measured.both(setting))} (${measured.weightOf(setting)})`;
  const members = settings.filter((setting) => setting !== 'ratio' && measured.has(setting));
  return [
    [measured.tenant, '', formatEstimate(measured.core), '', both('ratio'), '', ''],
    ...members.map((setting) => [
      '',
      setting,
      '',
      formatEstimate(measured.alone(setting)),
      both(setting),
      `${(100 * measured.gain(setting)).toFixed(1)} %`,
      setting === reading(setting) ? '' : formatEstimate(measured.less(setting, reading(setting))),
    ]),
  ];
}

export function tenantsReport(results: readonly TenantResult[], setup: string): Report {
  const measured = results.map((result) => new Measured(result));
  const less = (of: Measured, setting: Setting) => `${(100 * (1 - of.both(setting).mean / of.core.mean)).toFixed(1)} %`;
  return {
    title: '9. Tenants by weight',
    finding: `Core and tenant together cost less than the core alone by: ${measured
      .map(
        (of) =>
          `${of.tenant} ${less(of, 'reading')} where the tenant is counts beside which the base reads as it is, ${less(of, 'tuned + counts')} where that base is tuned on the tenant's text`,
      )
      .join('; ')}.`,
    setup,
    tables: [
      {
        caption:
          "First rows: the core alone, and with the tenant replaced by weight times log(its tokens' frequencies / the core's).",
        markdown: table(
          ['', 'tenant', 'core', 'tenant alone', 'both', 'less than the better', 'less than reading'],
          measured.flatMap(rowsOf),
        ),
      },
    ],
    charts: [chartOf(results)],
    data: results,
  };
}

function chartOf(results: readonly TenantResult[]): Report['charts'][number] {
  return {
    name: 'tenants',
    alt: "Nats a token of held-out text over the tenant's weight",
    svg: lineChart({
      title: "Held-out text by the tenant's weight",
      x: "the tenant's weight",
      y: 'nats a token',
      series: results.flatMap(({ tenant, read }) =>
        (['tuned + counts', 'reading'] as const).map((setting) => ({
          name: setting === 'reading' ? `${tenant}, base as it is` : `${tenant}, base tuned`,
          dashed: setting === 'reading',
          points: weights.map((weight, at) => [weight, mean(read, ({ nats }) => nats[setting][at]).mean] as const),
        })),
      ),
    }),
  };
}
