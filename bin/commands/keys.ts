import { Command } from 'commander';
import type { Scope } from '../../functions/contracts/caller.ts';
import { count, nonNegative } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { administer, administers, printRows, type Where } from './administer.ts';

const columns = ['id', 'tenant', 'scopes', 'disabled', 'validUntil', 'label', 'createdAt'];

interface AddOptions extends Where {
  readonly scopes: Scope[];
  readonly label?: string;
  readonly days?: number;
}

/** `slingshot keys`: what tenants show to be let in. */
export function keysCommand(): Command {
  const command = new Command('keys').description("Add, list, rotate, disable and delete tenants' API keys");
  const sub = (usage: string, description: string) => administers(command.command(usage).description(description));
  sub('add <tenant>', 'make a key, and print it: it is told this once')
    .option('--scopes <scopes...>', 'what it is for: generate, batch, read, admin, operate', [
      'generate',
      'batch',
      'read',
    ])
    .option('--label <text>', 'what to remember it by')
    .option('--days <n>', 'how long it works (default: until it is disabled)', count)
    .action(async (tenant: string, options: AddOptions) => {
      const { addKey } = await import('../../functions/shared/keys/key-store.ts');
      const { scopes, label, days } = options;
      const wanted = {
        scopes,
        ...(label === undefined ? {} : { label }),
        ...(days === undefined ? {} : { validUntil: Math.floor(Date.now() / 1000) + days * 86_400 }),
      };
      tell(await administer(options, (operator) => addKey(operator, tenant, wanted)), options);
    });
  sub('list <tenant>', "list a tenant's keys").action(async (tenant: string, options: Where) => {
    const { listKeys } = await import('../../functions/shared/keys/key-store.ts');
    const keys = await administer(options, (operator) => listKeys(operator, tenant));
    printRows(
      keys.map((one) => shown(one, options)),
      columns,
      options,
    );
  });
  sub('rotate <id>', 'make a key like another, which goes on working for some hours')
    .option('--hours <n>', 'that the old key works', nonNegative, 24)
    .action(async (id: string, options: Where & { hours: number }) => {
      const { rotateKey } = await import('../../functions/shared/keys/key-store.ts');
      tell(await administer(options, (operator) => rotateKey(operator, id, options.hours)), options);
    });
  for (const [name, disabled, description] of [
    ['disable', true, 'let a key not work; in use it may do so for a minute more'],
    ['enable', false, 'let it work again'],
  ] as const) {
    sub(`${name} <id>`, description).action(async (id: string, options: Where) => {
      const { disableKey } = await import('../../functions/shared/keys/key-store.ts');
      printRows(
        [shown(await administer(options, (operator) => disableKey(operator, id, disabled)), options)],
        columns,
        options,
      );
    });
  }
  sub('delete <id>', 'delete a key').action(async (id: string, options: Where) => {
    const { deleteKey } = await import('../../functions/shared/keys/key-store.ts');
    await administer(options, (operator) => deleteKey(operator, id));
    printRows([{ id, deleted: true }], ['id', 'deleted'], options);
  });
  return command.addHelpText(
    'after',
    `
Examples:
  slingshot keys add contact-center --label "the web site" --days 365
  slingshot keys rotate 7cQfW2nLx0Ab --hours 48
  slingshot keys list contact-center --json`,
  );
}

/** As a table shows it: a time that people can read. */
function shown<T extends { readonly validUntil?: number }>(key: T, { json }: Where) {
  const { validUntil, ...rest } = key;
  if (json || validUntil === undefined) return { ...key };
  return { ...rest, validUntil: new Date(1000 * validUntil).toISOString() };
}

/** A new key, on a line of its own, so that it can be taken from there. */
function tell({ key, ...made }: { readonly key: string; readonly validUntil?: number }, options: Where): void {
  printRows([options.json ? { ...made, key } : shown(made, options)], columns, options);
  if (!options.json) print(key);
}
