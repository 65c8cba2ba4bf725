import { Command } from 'commander';
import { share } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { administer, administers, printRows, type Where } from './administer.ts';

const columns = ['id', 'status', 'share', 'kind', 'bytes', 'createdAt'];

/** `slingshot models`: versions of tenants' own models. */
export function modelsCommand(): Command {
  const command = new Command('models').description("Add, list, promote and retire versions of tenants' own models");
  const sub = (usage: string, description: string) => administers(command.command(usage).description(description));
  sub('add <tenant>', 'have a model of a tenant served, which slingshot ngram or train made')
    .requiredOption('--folder <folder>', "the model's folder")
    .option('--share <share>', 'what of the generations it serves once it is ready; a first one serves all', share, 1)
    .action(async (tenant: string, options: Where & { folder: string; share: number }) => {
      const { addModel } = await import('../../lib/administration/models.ts');
      const started = performance.now();
      const row = await administer(options, (operator) => addModel(operator, tenant, options.folder, options.share));
      printRows([{ ...row }], columns, options);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      if (!options.json) print(`it serves after ${seconds} s, as core+${tenant}`);
    });
  sub('list <tenant>', 'the versions, and what each serves').action(async (tenant: string, options: Where) => {
    const { listModels } = await import('../../lib/administration/models.ts');
    const rows = await administer(options, (operator) => listModels(operator, tenant));
    printRows(
      rows.map((row) => ({ ...row })),
      columns,
      options,
    );
  });
  sub('promote <tenant> <model>', 'give a version a share; the others divide the rest')
    .option('--share <share>', 'from 0 to 1', share, 1)
    .action(async (tenant: string, model: string, options: Where & { share: number }) => {
      const { promoteModel } = await import('../../lib/administration/models.ts');
      const { shares } = await administer(options, (operator) => promoteModel(operator, tenant, model, options.share));
      printRows(
        shares.map(({ id, share }) => ({ id, share })),
        ['id', 'share'],
        options,
      );
    });
  sub('rollback <tenant>', 'serve again what was served before the last change').action(
    async (tenant: string, options: Where) => {
      const { rollBackModel } = await import('../../lib/administration/models.ts');
      const { shares } = await administer(options, (operator) => rollBackModel(operator, tenant));
      printRows(
        shares.map(({ id, share }) => ({ id, share })),
        ['id', 'share'],
        options,
      );
    },
  );
  sub('retire <tenant> <model>', 'remove a version that serves nothing').action(
    async (tenant: string, model: string, options: Where) => {
      const { retireModel } = await import('../../lib/administration/models.ts');
      printRows(
        [{ ...(await administer(options, (operator) => retireModel(operator, tenant, model))) }],
        columns,
        options,
      );
    },
  );
  return command.addHelpText(
    'after',
    `
Examples:
  slingshot models add contact-center --folder runs/contact-center --share 0.1
  slingshot models promote contact-center mdl-0123456789abcdef
  slingshot models rollback contact-center`,
  );
}
