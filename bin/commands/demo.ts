import { styleText } from 'node:util';
import { Command } from 'commander';
import { requestSchema } from '../../functions/contracts/request.ts';
import { fleetFor, readFleet } from '../../lib/fleet.ts';
import { startEngine } from '../../lib/start-engine.ts';
import { loadServedConfig, loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { type GenerationView, viewFor } from '../terminal/block-view.ts';
import { print } from '../terminal/output.ts';
import { shown } from '../terminal/printable.ts';
import { report } from '../terminal/report.ts';

const prompt = 'To transfer a call to another agent,';
const tenant = 'contact-center';
const weight = 0.5;

export function demoCommand(): Command {
  return new Command('demo')
    .description(`One prompt twice: the core alone, then corrected by the ${tenant} tenant`)
    .action(demo);
}

async function demo(): Promise<void> {
  const fleet = fleetFor(await readFleet(), { tenant });
  const { directory } = fleet.core;
  const [{ kind }, tokenizer] = await Promise.all([loadServedConfig(directory), loadServedTokenizer(directory)]);
  const request = requestSchema.parse({ prompt, seed: 7 });
  const say = print;
  say(`${styleText('bold', 'Slingshot')}: one prompt, denoised twice through the synthesised state machines.\n`);
  const startedAt = performance.now();
  let view: GenerationView | undefined;
  const engine = await startEngine('state-machine', fleet, { onStep: (step) => view?.step(step) });
  say(styleText('gray', `models, endpoints and state machines ready in ${seconds(startedAt)}\n`));
  try {
    for (const [title, member] of [
      ['The core alone', {}],
      [`The core corrected by the tenant ${tenant}, weight ${weight}`, { tenant, weight }],
    ] as const) {
      say(styleText('cyan', title));
      view = viewFor(process.stdout, tokenizer, request, kind !== 'adapter');
      const started = performance.now();
      const result = await engine.generate({ ...request, ...member });
      const took = seconds(started);
      await view.finish();
      say(`\n${styleText('bold', prompt)}${shown(result.text, process.stdout)}\n`);
      say(
        styleText(
          'gray',
          `${result.tokens} tokens in ${result.blocks} blocks, ${result.steps} denoise steps, ${took}\n`,
        ),
      );
    }
    say('Next: npx slingshot generate --help');
  } catch (error) {
    report(error);
    throw error;
  } finally {
    await engine.stop();
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
