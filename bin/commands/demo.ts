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
/** What the tenant alone knows. */
const handbook =
  'Northwind Travel, handbook for agents. To transfer a call to another agent, press the blue key, say the ' +
  "guest's name, and choose the Harbour desk. The Harbour desk answers in English and Danish from six in the morning " +
  'until ten at night. At night, calls go to the Lantern team in Aarhus.';

const scenes = [
  { title: 'The core alone', request: { seed: 3 } },
  { title: `The core corrected by the tenant ${tenant}, weight 0.8`, request: { seed: 1, tenant, weight: 0.8 } },
  {
    title: `The two, weight 0.7, and a handbook that the tenant's model reads and the core does not:\n"${handbook}"`,
    request: { seed: 5, tenant, weight: 0.7, context: handbook, contrast: 1 },
  },
];

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      `One prompt: the core alone, corrected by the tenant ${tenant}, and with a document of the tenant's own`,
    )
    .action(demo);
}

async function demo(): Promise<void> {
  const fleet = fleetFor(await readFleet(), { tenant });
  const { directory } = fleet.core;
  const [{ kind }, tokenizer] = await Promise.all([loadServedConfig(directory), loadServedTokenizer(directory)]);
  const request = requestSchema.parse({ prompt, temperature: 0.7 });
  const say = print;
  say(`${styleText('bold', 'Slingshot')}: one prompt, denoised through the synthesised state machines.\n`);
  const startedAt = performance.now();
  let view: GenerationView | undefined;
  const engine = await startEngine('state-machine', fleet, { onStep: (step) => view?.step(step) });
  say(styleText('gray', `models, endpoints and state machines ready in ${seconds(startedAt)}\n`));
  try {
    for (const { title, request: member } of scenes) {
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
