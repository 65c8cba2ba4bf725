import { Command } from 'commander';
import { administer, administers, printRows, type Where } from './administer.ts';

const columns = ['day', 'model', 'keyId', 'requests', 'tokens', 'degradedTokens', 'steps', 'milliseconds'];
const day = 86_400_000;

/** `slingshot usage`: what a tenant used. */
export function usageCommand(): Command {
  const isoDay = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10);
  return administers(
    new Command('usage')
      .description("A tenant's usage by day, model and key: requests, committed tokens, denoise steps, model time")
      .argument('<tenant>')
      .option('--from <day>', 'the first day of UTC (default: 30 days ago)')
      .option('--to <day>', 'the last day (default: today)'),
  )
    .addHelpText('after', '\nExample:\n  slingshot usage contact-center --from 2026-11-01 --to 2026-11-30 --json')
    .action(async (tenant: string, options: Where & { from?: string; to?: string }) => {
      const { from = isoDay(Date.now() - 30 * day), to = isoDay(Date.now()) } = options;
      for (const text of [from, to]) {
        if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text))) {
          throw new Error(`${text}: expected a day, such as 2026-11-30`);
        }
      }
      const { usageOf } = await import('../../functions/shared/metering.ts');
      const { tenantPartition } = await import('../../lib/administration/administration.ts');
      const { findTenant } = await import('../../functions/shared/operating.ts');
      const rows = await administer(options, async (operator) => {
        await findTenant(operator, tenant);
        return usageOf(tenant, { from, to }, tenantPartition(operator, tenant));
      });
      const flat = rows.map((row) => ({
        ...row,
        milliseconds: Math.round(Object.values(row.models).reduce((sum, one) => sum + one.milliseconds, 0)),
      }));
      printRows(flat, columns, options);
    });
}
