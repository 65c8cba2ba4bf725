import { Command } from 'commander';
import { batchCommand } from './commands/batch/index.ts';
import { configCommand } from './commands/config.ts';
import { costCommand } from './commands/cost.ts';
import { demoCommand } from './commands/demo.ts';
import { evaluateCommand } from './commands/evaluate/index.ts';
import { experimentCommand } from './commands/experiment.ts';
import { generateCommand } from './commands/generate.ts';
import { importCommand } from './commands/import.ts';
import { keysCommand } from './commands/keys.ts';
import { modelsCommand } from './commands/models.ts';
import { ngramCommand } from './commands/ngram.ts';
import { statusCommand } from './commands/status.ts';
import { tenantsCommand } from './commands/tenants.ts';
import { trainCommand } from './commands/train.ts';
import { upCommand } from './commands/up.ts';
import { usageCommand } from './commands/usage.ts';

/** The command line: each command with its options, examples and what it does. */
export function commandLine(): Command {
  return new Command('slingshot')
    .description(
      'Text from SSD-2 diffusion language models, in which a small specialised model corrects a large general one at every\n' +
        'denoising step. Everything runs on this machine: the same state machines and functions that `cdk deploy` deploys.',
    )
    .showHelpAfterError('(add --help for what there is)')
    .addCommand(generateCommand())
    .addCommand(batchCommand())
    .addCommand(demoCommand())
    .addCommand(upCommand())
    .addCommand(trainCommand())
    .addCommand(ngramCommand())
    .addCommand(importCommand())
    .addCommand(evaluateCommand())
    .addCommand(experimentCommand())
    .addCommand(statusCommand())
    .addCommand(modelsCommand())
    .addCommand(configCommand())
    .addCommand(costCommand())
    .addCommand(tenantsCommand())
    .addCommand(keysCommand())
    .addCommand(usageCommand())
    .addHelpText(
      'after',
      `
Examples:
  slingshot up
  slingshot generate --prompt "To create a queue,"
  slingshot generate --prompt "To route a call," --tenant contact-center --weight 0.5 --json
  slingshot evaluate loss --data valid.jsonl.gz --model core
  slingshot ngram --data notes/ --core models/weights/core --out runs/notes`,
    );
}
