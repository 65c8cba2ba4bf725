import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Outcome, runChaos, type Verdict } from './run.ts';

const help = `npm run chaos -- [--runs N] [--seed S] [--at-once C] [--out FILE]

Runs N random fault schedules against the local cloud, with tiny models. A run must end in the text that it has without
faults, or in an error that says by name what happened.

  --runs N     schedules (200)
  --seed S     that they are drawn by (1)
  --at-once C  runs at the same time (20)
  --out FILE   the outcomes as JSON`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '20' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function count(outcomes: readonly Outcome[], ...verdicts: Verdict[]): number {
  return outcomes.filter(({ verdict }) => verdicts.includes(verdict)).length;
}

function row(outcomes: readonly Outcome[]) {
  return {
    runs: outcomes.length,
    ...{ text: count(outcomes, 'text'), 'named error': count(outcomes, 'named error') },
    wrong: count(outcomes, 'another text', 'unnamed error', 'hung'),
  };
}

async function main(): Promise<void> {
  if (values.help) return console.log(help);
  const started = performance.now();
  let done = 0;
  const { outcomes, strays, leaks, leftRunning } = await runChaos(
    Number(values.runs),
    Number(values.seed),
    Number(values['at-once']),
    ({ run, verdict, detail, faults }) => {
      if (verdict !== 'text' && verdict !== 'named error') {
        console.log(`run ${run}: ${verdict} ${detail}; ${JSON.stringify(faults)}`);
      }
      if (++done % 100 === 0) console.log(`${done} runs, ${Math.round((performance.now() - started) / 1000)} s`);
    },
  );
  const kinds = new Set(outcomes.flatMap(({ faults }) => faults.map(({ place, kind }) => `${place} ${kind}`)));
  const rows = [...kinds].sort().map((fault) => {
    const struck = outcomes.filter(({ faults }) => faults.some(({ place, kind }) => `${place} ${kind}` === fault));
    return { fault, ...row(struck) };
  });
  const none = { fault: 'none', ...row(outcomes.filter(({ faults }) => faults.length === 0)) };
  console.table([none, ...rows, { fault: 'all', ...row(outcomes) }]);
  const seconds = Math.round((performance.now() - started) / 1000);
  const names = Object.groupBy(
    outcomes.filter(({ verdict }) => verdict === 'named error'),
    ({ detail }) => detail.split(':')[0],
  );
  console.table(Object.entries(names).map(([error, of]) => ({ error, runs: of?.length })));
  const crossed = `${strays.length} calls at another tenant's model, ${leaks.length} private contexts in states`;
  console.log(`${crossed}, ${leftRunning} functions still running, ${seconds} s`);
  if (values.out)
    writeFileSync(values.out, JSON.stringify({ ...values, seconds, strays, leaks, leftRunning, outcomes }));
  if (row(outcomes).wrong + strays.length + leaks.length + leftRunning > 0) process.exitCode = 1;
}

await main();
