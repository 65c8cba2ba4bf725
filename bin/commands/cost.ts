import { Command } from 'commander';
import { print } from '../terminal/output.ts';
import { administer, administers, printRows, type Where } from './administer.ts';

interface CostOptions extends Where {
  readonly scenario?: string;
  readonly prices?: string;
  readonly byTenant?: true;
  readonly simulate?: true;
  readonly picture?: string;
}

const dollars = (value: number) => value.toFixed(value < 10 ? 2 : 0);

/** `slingshot cost`: what a deployment costs, and where it goes. */
export function costCommand(): Command {
  return administers(
    new Command('cost')
      .description('Dollars a month when nobody asks, and by a million tokens for 10, 1,000 and 100,000 tenants')
      .option('--scenario <file>', 'what is asked of it, as JSON')
      .option('--prices <file>', 'prices, each with its date, as JSON')
      .option('--by-tenant', "what each tenant's last 30 days cost, by the service's usage records")
      .option(
        '--simulate',
        "a fleet's latency, GPU use and dollars by discrete events, for each number of steps a visit",
      )
      .option('--picture <file>', 'with --simulate, the same as an SVG file, and against the share that asks a tenant'),
  )
    .addHelpText('after', '\nExample:\n  slingshot cost --json')
    .action(async (options: CostOptions) => {
      const { dollarsOf, readPrices } = await import('../../lib/cost/prices.ts');
      const { readScenario } = await import('../../lib/cost/scenario.ts');
      const [prices, scenario] = [readPrices(options.prices), readScenario(options.scenario)];
      if (options.byTenant) return byTenant(options);
      if (options.simulate) return simulated(options);
      const { costOf, granularities, idleFloor, placements } = await import('../../lib/cost/cost.ts');
      if (!options.json) {
        const read = (where: string) =>
          Object.entries(prices.prices).flatMap(([name, each]) => (each.read === where ? [name] : []));
        print(`prices of ${prices.region}; of others' pages, not the vendor's: ${read('elsewhere').join(', ')};`);
        print(`of none, to be checked before they are relied on: ${read('nowhere').join(', ')}`);
        print(
          `idle: $${dollars(idleFloor(prices, scenario))} a month, of which ${scenario.coreInstance} at $${dollarsOf(prices, scenario.coreInstance)} an hour\n`,
        );
      }
      const rows = [10, 1_000, 100_000].flatMap((tenants) =>
        placements.flatMap(({ of }) =>
          granularities.map((granularity) => ({
            ...costOf(prices, of(scenario), tenants, granularity),
            tenantInstance: of(scenario).tenantInstance,
          })),
        ),
      );
      const shown = rows.map((row) => ({
        ...row,
        tenantInstances: row.tenantInstances.toFixed(row.tenantInstances < 10 ? 1 : 0),
        ...{ endpoints: dollars(row.endpoints), functions: dollars(row.functions), states: dollars(row.states) },
        ...{ total: dollars(row.total), dollarsAMonth: dollars(row.dollarsAMonth) },
      }));
      const columns = ['tenants', 'tenantInstance', 'tenantInstances', 'coreInstances', 'granularity'];
      printRows(
        options.json ? rows.map((row) => ({ ...row })) : shown,
        [...columns, 'endpoints', 'functions', 'states', 'total', 'dollarsAMonth'],
        options,
      );
    });
}

async function byTenant(options: CostOptions): Promise<void> {
  const { readPrices } = await import('../../lib/cost/prices.ts');
  const { readScenario } = await import('../../lib/cost/scenario.ts');
  const { costOfUsage } = await import('../../lib/cost/cost.ts');
  const { addModels, usageOf } = await import('../../functions/shared/metering.ts');
  const { tenantPartition } = await import('../../lib/administration/administration.ts');
  const { listTenants } = await import('../../lib/administration/tenants.ts');
  const [prices, scenario] = [readPrices(options.prices), readScenario(options.scenario)];
  const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
  const rows = await administer(options, async (operator) => {
    const tenants = await listTenants(operator);
    return Promise.all(
      tenants.map(async ({ name }) => {
        const usage = await usageOf(name, { from: day(30), to: day(0) }, tenantPartition(operator, name));
        const models = usage.reduce((sum, row) => addModels(sum, row.models), {});
        const tokens = usage.reduce((sum, row) => sum + row.tokens, 0);
        return { tenant: name, tokens, dollars: costOfUsage(prices, scenario, models).toFixed(4) };
      }),
    );
  });
  printRows(rows, ['tenant', 'tokens', 'dollars'], options);
}

async function simulated(options: CostOptions): Promise<void> {
  const { outcomeOf } = await import('../../lib/cost/fleets.ts');
  const { readPrices } = await import('../../lib/cost/prices.ts');
  const { readScenario } = await import('../../lib/cost/scenario.ts');
  const { arrivals, fleetPicture, visits } = await import('../../lib/cost/picture.ts');
  const [prices, scenario] = [readPrices(options.prices), readScenario(options.scenario)];
  if (options.picture !== undefined) {
    const { writeAtomically } = await import('../../models/files/atomic-write.ts');
    await writeAtomically(options.picture, fleetPicture(prices, scenario));
    if (!options.json) print(`the picture is in ${options.picture}`);
  }
  const rows = visits.flatMap((visit) =>
    arrivals.map((arrivalsPerSecond) => outcomeOf(prices, scenario, { visit, arrivalsPerSecond })),
  );
  const shown = rows.map(({ warm, p50, p99, busy, cold, dollars: each, ...row }) => ({
    ...{ ...row, warm: warm.toFixed(2), p50: p50.toFixed(2), p99: p99.toFixed(2), dollars: dollars(each) },
    ...{ busy: `${(100 * busy).toFixed(0)} %`, cold: `${(100 * cold).toFixed(1)} %` },
  }));
  const columns = ['visit', 'arrivalsPerSecond', 'generations', 'warm', 'p50', 'p99', 'busy', 'cold', 'dollars'];
  printRows(options.json ? rows.map((row) => ({ ...row })) : shown, columns, options);
}
