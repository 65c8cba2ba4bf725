import { Command } from 'commander';
import type { Degradation } from '../../functions/contracts/request.ts';
import { administer, administers, printRows, type Where } from './administer.ts';

const columns = ['name', 'tier', 'status', 'degradation', 'keys', 'createdAt'];

/** `slingshot tenants`: companies that use the service. */
export function tenantsCommand(): Command {
  const command = new Command('tenants').description('Add, list, change and delete the tenants of a service');
  const sub = (usage: string, description: string) => administers(command.command(usage).description(description));
  sub('add <tenant>', 'add a tenant, which has no key yet')
    .option('--tier <tier>', 'by which its limits go', 'standard')
    .action(async (tenant: string, options: Where & { tier: string }) => {
      const { addTenant } = await import('../../lib/administration/tenants.ts');
      const made = await administer(options, (operator) => addTenant(operator, tenant, options.tier));
      printRows([{ ...made }], columns, options);
    });
  sub('list', 'list the tenants').action(async (options: Where) => {
    const { listTenants } = await import('../../lib/administration/tenants.ts');
    printRows(
      (await administer(options, listTenants)).map((one) => ({ ...one })),
      columns,
      options,
    );
  });
  sub('tier <tenant> <tier>', 'change the tier').action(async (tenant: string, tier: string, options: Where) => {
    const { changeTenant } = await import('../../lib/administration/tenants.ts');
    printRows(
      [{ ...(await administer(options, (operator) => changeTenant(operator, tenant, { tier }))) }],
      columns,
      options,
    );
  });
  sub('degradation <tenant> <choice>', 'what its generations do whose own model does not answer: fail, or core, alone')
    .addHelpText('after', '\nA request may say otherwise, in slingshot.degradation.')
    .action(async (tenant: string, choice: Degradation, options: Where) => {
      const { changeTenant } = await import('../../lib/administration/tenants.ts');
      printRows(
        [{ ...(await administer(options, (operator) => changeTenant(operator, tenant, { degradation: choice }))) }],
        columns,
        options,
      );
    });
  for (const [name, status, description] of [
    ['disable', 'disabled', 'let no key of the tenant work'],
    ['enable', 'active', 'let its keys work again'],
  ] as const) {
    sub(`${name} <tenant>`, description).action(async (tenant: string, options: Where) => {
      const { changeTenant } = await import('../../lib/administration/tenants.ts');
      printRows(
        [{ ...(await administer(options, (operator) => changeTenant(operator, tenant, { status }))) }],
        columns,
        options,
      );
    });
  }
  sub('delete <tenant>', 'delete the tenant and all that is its own: keys, generations, usage, contexts')
    .requiredOption('--yes', 'that this is meant: nothing of it can be had again')
    .action(async (tenant: string, options: Where) => {
      if (options.table !== undefined && (options.bucket === undefined || options.stateMachine === undefined)) {
        throw new Error('delete: in the cloud it needs --bucket and --state-machine, too');
      }
      const { deleteTenant } = await import('../../lib/administration/delete-tenant.ts');
      const deleted = await administer(options, (operator) => deleteTenant(operator, tenant));
      printRows(
        [{ tenant, ...deleted }],
        ['tenant', 'keys', 'generationsStopped', 'modelsRemoved', 'items', 'objects'],
        options,
      );
    });
  sub('audit [month]', 'what operators did in a month, such as 2026-11; this one by default').action(
    async (month: string | undefined, options: Where) => {
      const { auditOf } = await import('../../functions/shared/audit.ts');
      const when = month ?? new Date().toISOString().slice(0, 7);
      if (!/^\d{4}-\d\d$/.test(when)) throw new Error(`${when}: expected a month, such as 2026-11`);
      const records = await administer(options, (operator) => auditOf(operator, when));
      printRows(
        records.map((one) => ({ ...one })),
        ['at', 'actor', 'act', 'tenant', 'details'],
        options,
      );
    },
  );
  return command.addHelpText(
    'after',
    `
Examples:
  slingshot tenants add contact-center --tier trial
  slingshot tenants list --json
  slingshot tenants delete contact-center --yes`,
  );
}
