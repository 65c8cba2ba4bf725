import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import { count } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { isInteractive } from '../terminal/printable.ts';
import { administer, administers, rowsAsTable, type Where } from './administer.ts';

const columns = [
  'tenant',
  'tier',
  'status',
  'inFlight',
  'requestsToday',
  'tokensToday',
  'stepsToday',
  'meanSeconds',
  'model',
];

/** `slingshot status`: what the service does now, from its table. */
export function statusCommand(): Command {
  return administers(
    new Command('status')
      .alias('top')
      .description('What each tenant has in flight and has used today, and which of its own models serves it')
      .option('--watch', 'go on showing it, once a second')
      .option('--times <n>', 'how often, with --watch', count),
  )
    .addHelpText('after', '\nExample:\n  slingshot status --watch')
    .action(async (options: Where & { watch?: true; times?: number }) => {
      const { statusOf } = await import('../../lib/administration/status.ts');
      const read = async () => administer(options, statusOf);
      if (!options.watch) {
        const rows = await read();
        print(
          options.json
            ? JSON.stringify(rows, null, 2)
            : rowsAsTable(
                rows.map((row) => ({ ...row })),
                columns,
              ),
        );
        return;
      }
      const show = isInteractive(process.stdout) ? createLogUpdate(process.stdout) : print;
      for (let time = 0; time < (options.times ?? Number.POSITIVE_INFINITY); time++) {
        if (time > 0) await sleep(1000);
        show(
          rowsAsTable(
            (await read()).map((row) => ({ ...row })),
            columns,
          ),
        );
      }
    });
}
