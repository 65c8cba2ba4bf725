import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import type { ServiceStatus } from '../../lib/administration/service-status.ts';
import type { TenantStatus } from '../../lib/administration/status.ts';
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
      .description('What the service did today, and of each tenant what it has in flight, has used, and is served by')
      .option('--watch', 'go on showing it, once a second')
      .option('--times <n>', 'how often, with --watch', count),
  )
    .addHelpText('after', '\nExample:\n  slingshot status --watch')
    .action(async (options: Where & { watch?: true; times?: number }) => {
      const { statusOf } = await import('../../lib/administration/status.ts');
      const { serviceStatus } = await import('../../lib/administration/service-status.ts');
      const read = () =>
        administer(options, async (operator) => ({
          tenants: await statusOf(operator),
          service: await serviceStatus(operator),
        }));
      if (!options.watch) {
        const status = await read();
        print(options.json ? JSON.stringify(status, null, 2) : shown(status));
        return;
      }
      const show = isInteractive(process.stdout) ? createLogUpdate(process.stdout) : print;
      for (let time = 0; time < (options.times ?? Number.POSITIVE_INFINITY); time++) {
        if (time > 0) await sleep(1000);
        show(shown(await read()));
      }
    });
}

function shown({ service, tenants }: { service: ServiceStatus; tenants: readonly TenantStatus[] }): string {
  const { generations, tokens, tokensPerSecond, stepsPerToken, degraded, rowsWaiting, stepMilliseconds } = service;
  const ended = Object.entries(generations).map(([status, count]) => `${count} ${status}`);
  const steps = Object.entries(stepMilliseconds).map(
    ([model, milliseconds]) => `${model} ${milliseconds.toFixed(0)} ms`,
  );
  return [
    `generations today: ${ended.join(', ')}`,
    `tokens today: ${tokens}, ${tokensPerSecond.toFixed(1)} a second in the last minute, ${stepsPerToken.toFixed(2)} steps each, ${(100 * degraded).toFixed(1)} % without the tenant's model`,
    `a lane's step: ${steps.join(', ') || 'none yet'}`,
    `rows of batches that wait: ${rowsWaiting}`,
    '',
    rowsAsTable(
      tenants.map((row) => ({ ...row })),
      columns,
    ),
  ].join('\n');
}
