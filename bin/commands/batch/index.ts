import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ApiBatch, windowSeconds } from '../../../functions/contracts/api/batches.ts';
import { type BatchEndpoint, batchEndpoints } from '../../../functions/contracts/batch/row.ts';
import { usualStateFolder } from '../../../lib/administration/usual-state-folder.ts';
import type { BatchClient } from '../../../lib/batch-client.ts';
import { batchProgress } from '../../terminal/batch-progress.ts';
import { address, count, seed } from '../../terminal/options.ts';
import { print } from '../../terminal/output.ts';
import { OutputFile } from '../../terminal/output-file.ts';
import { connect, type Place } from './connect.ts';

interface Results {
  readonly out?: string;
  readonly errors?: string;
  readonly json?: boolean;
}

interface StartOptions extends Place, Results {
  readonly endpoint: BatchEndpoint;
  readonly model: string;
  readonly tokens?: number;
  readonly seed?: number;
  readonly budget?: number;
  readonly window: string;
  readonly dryRun?: boolean;
}

export function batchCommand(): Command {
  const command = new Command('batch')
    .description(
      'Run a file of prompts, a JSON line each (plain or gzip): {"prompt": ...}, or the rows of OpenAI’s batches.\n' +
        'What is done stays done: a batch that was cut off goes on with `slingshot batch resume`.',
    )
    .argument('[file]', 'the rows')
    .addOption(
      new Option('--endpoint <path>', 'what rows of OpenAI’s form are for')
        .choices(batchEndpoints)
        .default(batchEndpoints[0]),
    )
    .option('--model <name>', 'the model of plain rows that name none', 'core')
    .option('--tokens <n>', 'tokens of plain rows that say no number', count)
    .option('--seed <n>', 'what rows without a seed have theirs of (default: 0)', seed)
    .option('--budget <tokens>', 'tokens that all rows together may make', count)
    .option('--window <time>', 'how long rows may begin, such as 90m, 24h or 13d', window, '24h')
    .option('--dry-run', 'say what it would take, and run nothing');
  resultOptions(placeOptions(command)).action(async (file: string | undefined, _: unknown, self: Command) => {
    if (file === undefined) self.help({ error: true });
    else await start(file, self.opts());
  });
  const sub = (name: string, description: string, act: (id: string, options: Place & Results) => Promise<void>) =>
    placeOptions(new Command(name))
      .description(description)
      .argument('<id>', 'the batch')
      .action(async (id: string, _: unknown, self: Command) => act(id, self.optsWithGlobals()));
  return command
    .addCommand(sub('status', 'How a batch stands', (id, options) => once(options, (client) => client.get(id))))
    .addCommand(
      sub('cancel', 'Cancel a batch; what is done stays', (id, options) =>
        once(options, (client) => client.cancel(id)),
      ),
    )
    .addCommand(
      resultOptions(
        sub('resume', 'Let a batch do what it has left undone, and wait for it', resume).option(
          '--budget <tokens>',
          'another budget, of all its runs together',
          count,
        ),
      ),
    )
    .addCommand(resultOptions(sub('results', 'Write what a batch gave', results)))
    .addHelpText(
      'after',
      `
Examples:
  slingshot batch prompts.jsonl --out texts.jsonl --tokens 25
  slingshot batch prompts.jsonl.gz --dry-run
  slingshot batch prompts.jsonl --out texts.jsonl --remote https://api.example.com/live --key sl_live_...
  slingshot batch resume batch_... --out texts.jsonl`,
    );
}

function placeOptions(command: Command): Command {
  return command
    .option('--remote <url>', 'a service, in place of this machine', address)
    .option('--key <key>', 'of the service (default: SLINGSHOT_KEY)')
    .option('--state <folder>', 'where this machine keeps batches', usualStateFolder)
    .option('--tenant <name>', 'whose batch it is on this machine', 'local')
    .option('--models <folder>', 'the folder with cores and tenants (default: the shipped ones)')
    .option('--threads <n>', 'of each model', count, 1)
    .option('--json', 'print JSON');
}

function resultOptions(command: Command): Command {
  return command
    .option('--out <file>', 'where the results go, in the order of the rows')
    .option('--errors <file>', 'where rows without one go (default: beside, with .errors.jsonl)');
}

async function start(file: string, options: StartOptions): Promise<void> {
  const { endpoint, model, tokens, seed, budget, window, dryRun, out } = options;
  await stat(file).catch((error: Error) => {
    throw new Error(`${file}: ${error.message}`);
  });
  if (!dryRun && out === undefined) throw new Error('--out: say where the results go, or --dry-run');
  // Before the work, so that it is not in vain.
  await (await OutputFile.openIfAsked('--out', out))?.close();
  await withClient(options, async (client) => {
    const { id: fileId } = await client.send(file);
    const { id } = await client.start({
      ...{ input_file_id: fileId, endpoint, completion_window: window },
      slingshot: {
        ...{ seed, budgetTokens: budget, dryRun },
        defaults: { model, ...(tokens === undefined ? {} : { max_tokens: tokens }) },
      },
    });
    process.stderr.write(`batch ${id}\n`);
    await toTheEnd(client, id, options);
  });
}

async function resume(id: string, options: Place & Results & { readonly budget?: number }): Promise<void> {
  await (await OutputFile.openIfAsked('--out', options.out))?.close();
  await withClient(options, async (client) => {
    await client.resume(id, options.budget === undefined ? {} : { budgetTokens: options.budget });
    await toTheEnd(client, id, options);
  });
}

async function results(id: string, options: Place & Results): Promise<void> {
  await withClient(options, async (client) => write(client, await client.get(id), options));
}

async function once(options: Place & Results, ask: (client: BatchClient) => Promise<ApiBatch>): Promise<void> {
  await withClient(options, async (client) => tell(await ask(client), options));
}

async function withClient(place: Place, act: (client: BatchClient) => Promise<void>): Promise<void> {
  const { client, close } = await connect(place);
  try {
    await act(client);
  } finally {
    await close();
  }
}

async function toTheEnd(client: BatchClient, id: string, options: Results): Promise<void> {
  const progress = batchProgress();
  const batch = await client.follow(id, progress.show).finally(progress.end);
  await write(client, batch, options);
  if (batch.status !== 'completed') process.exitCode = 1;
}

async function write(client: BatchClient, batch: ApiBatch, options: Results): Promise<void> {
  const { out, errors = out === undefined ? undefined : `${out.replace(/\.jsonl$/, '')}.errors.jsonl` } = options;
  const { output_file_id: output, error_file_id: failed } = batch;
  if (out !== undefined) await pipeline(output ? await client.content(output) : [], createWriteStream(out));
  if (errors !== undefined && failed) await pipeline(await client.content(failed), createWriteStream(errors));
  tell(batch, options, failed && errors !== undefined ? errors : undefined);
}

function tell(batch: ApiBatch, { json }: Results, errors?: string): void {
  if (json) {
    print(JSON.stringify(batch, null, 2));
    return;
  }
  const { id, status, request_counts: counts, slingshot } = batch;
  const { tokens, estimate } = slingshot;
  print(`${id}: ${status}, ${counts.completed} of ${counts.total} rows, ${counts.failed} failed, ${tokens} tokens`);
  if (estimate) print(`its rows make ${estimate.tokens} tokens in ${estimate.steps} denoise steps at most`);
  for (const { code, message, line } of batch.errors?.data ?? []) {
    print(`${line === null ? '' : `line ${line}: `}${message} (${code})`);
  }
  if (errors !== undefined) print(`rows without a result: ${errors}`);
}

function window(text: string): string {
  if (windowSeconds(text) === undefined) throw new InvalidArgumentError('Expected a time such as 90m, 24h or 13d.');
  return text;
}
