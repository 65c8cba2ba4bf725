import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import type { Administration } from '../../lib/administration/administration.ts';
import { usualStateFolder } from '../../lib/administration/usual-state-folder.ts';
import { print } from '../terminal/output.ts';

/** Where an operator's command acts: on a service here, or on a deployment in the cloud. */
export interface Where {
  readonly state: string;
  readonly table?: string;
  readonly bucket?: string;
  readonly stateMachine?: string;
  readonly deployModel?: string;
  readonly tiers: string[];
  readonly json?: true;
}

/** The options that say where; the names of a deployment are outputs of its stack. */
export function administers(command: Command): Command {
  return command
    .option('--state <folder>', 'state of the service on this machine', usualStateFolder)
    .option('--table <name>', 'act on a deployment in the cloud instead: the output TableName of its stack')
    .option('--bucket <name>', 'the output BucketName')
    .option('--state-machine <arn>', 'the output GenerateArn')
    .option('--deploy-model <arn>', 'the output DeployModelArn')
    .addOption(new Option('--tiers <names...>', 'the tiers of that deployment').default(['trial', 'standard', 'large']))
    .option('--json', 'print JSON instead of a table');
}

/** Does something with an operator's rights, and lets go of what that took. */
export async function administer<T>(where: Where, act: (administration: Administration) => Promise<T>): Promise<T> {
  if (where.table !== undefined) {
    const { administerInCloud } = await import('../../lib/administration/cloud.ts');
    const { table, bucket, stateMachine, deployModel, tiers } = where;
    return act(
      await administerInCloud({
        table,
        tiers,
        ...(bucket ? { bucket } : {}),
        ...(stateMachine ? { stateMachine } : {}),
        ...(deployModel ? { deployModel } : {}),
      }),
    );
  }
  const { administerLocally } = await import('../../lib/local/state-folder.ts');
  const { administration, close } = await administerLocally(where.state, userInfo().username);
  try {
    return await act(administration);
  } finally {
    await close();
  }
}

type Row = Readonly<Record<string, unknown>>;

/** Prints rows as a table under the names of their columns, or as JSON. */
export function printRows(rows: readonly Row[], columns: readonly string[], { json }: Pick<Where, 'json'>): void {
  if (json) {
    print(JSON.stringify(rows, (_, value) => (value instanceof Set ? [...value] : value), 2));
    return;
  }
  print(rowsAsTable(rows, columns));
}

/** Rows under the names of their columns. */
export function rowsAsTable(rows: readonly Row[], columns: readonly string[]): string {
  const cells = [columns, ...rows.map((row) => columns.map((name) => cell(row[name])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cell(value: unknown): string {
  if (value === undefined) return '-';
  if (value instanceof Set || Array.isArray(value)) return [...value].join(',') || '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
