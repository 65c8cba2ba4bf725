import { Command } from 'commander';
import { print } from '../terminal/output.ts';
import { printRows } from './administer.ts';

interface ConfigOptions {
  readonly config?: string;
  readonly stage?: string;
}

/** `slingshot config`: what is deployed, and whether it can be. */
export function configCommand(): Command {
  const command = new Command('config').description('Show, check and compare what slingshot.config.ts says');
  const sub = (usage: string, description: string) =>
    command
      .command(usage)
      .description(description)
      .option('--config <file>', 'another file than slingshot.config.ts')
      .option('--stage <name>', 'a stage; where there is one alone, that one');

  sub('show', 'print a stage with everything filled in, as JSON').action(async (options: ConfigOptions) => {
    print(JSON.stringify(await stageOf(options), null, 2));
  });
  sub('check', 'read the models, too, and say what would keep a deployment from working')
    .option('--account <id>', 'the account that it is about to be deployed to')
    .action(async ({ account, config, stage }: ConfigOptions & { account?: string }) => {
      const { loadConfig } = await import('../../lib/config/load-config.ts');
      const { checkStage, fleetOf } = await import('../../lib/config/check.ts');
      const { chosenStages } = await import('../../lib/config/stages.ts');
      for (const each of chosenStages(await loadConfig(config), stage)) {
        const fleet = await fleetOf(each);
        checkStage(each, fleet, { account });
        const models = fleet.models.map(({ name }) => name).join(', ');
        print(`stage ${each.name}: in order; ${fleet.models.length} models: ${models}`);
      }
    });
  sub('diff [other]', 'compare a stage with the same of another file, or with another stage of this one')
    .option('--with <stage>', 'the other stage')
    .option('--json', 'print JSON instead of a table')
    .action(async (other: string | undefined, options: ConfigOptions & { with?: string; json?: true }) => {
      if (other === undefined && options.with === undefined) {
        throw new Error('config diff: compare with what? Name another file, or --with another stage');
      }
      const { differences } = await import('../../lib/config/differences.ts');
      const compared = { ...options, ...(other === undefined ? {} : { config: other }) };
      const stage = options.with ?? options.stage;
      const [after, before] = [await stageOf(options), await stageOf({ ...compared, ...(stage ? { stage } : {}) })];
      const rows = differences({ ...before, name: undefined }, { ...after, name: undefined });
      if (rows.length === 0 && !options.json) print('no difference');
      else
        printRows(
          rows.map((row) => ({ ...row })),
          ['path', 'before', 'after'],
          options,
        );
    });
  return command.addHelpText(
    'after',
    `
Examples:
  slingshot config check --stage dev
  slingshot config show --stage prod
  slingshot config diff --stage prod --with dev
  git show HEAD~1:slingshot.config.ts > before.config.ts && slingshot config diff before.config.ts --stage prod`,
  );
}

async function stageOf({ config, stage }: ConfigOptions) {
  const { loadConfig } = await import('../../lib/config/load-config.ts');
  const { stageNamed } = await import('../../lib/config/stages.ts');
  return stageNamed(await loadConfig(config), stage);
}
