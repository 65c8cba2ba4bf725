import { realpathSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { apply, findMutants, type Mutant } from './mutants.ts';
import { RelatedTests } from './related-tests.ts';
import { sample } from './sample.ts';
import { Sandbox } from './sandbox.ts';

const help = `npm run mutate -- [--sample N] [--seed S] [--only PREFIX]... [--test PREFIX]... [--within D] [--quick S] [--all] [--list] [--out FILE]

Breaks one place at a time, in a copy of the working tree, and runs the tests that reach it, quick ones first, until one
fails. What passes them all survives.

  --sample N    so many mutants, drawn by the seed; all of them when absent
  --seed S      of the draw (1)
  --only PREFIX files that begin so (models/ssd2, models/inference, functions and lib/local)
  --test PREFIX tests that begin so (all)
  --within D    tests at most so many imports away (5)
  --quick S     tests that take at most so many seconds
  --all         slow tests too: the command line's and the experiments'
  --list        print the mutants, run nothing
  --out FILE    the result as JSON (mutants.json)`;

const { values } = parseArgs({
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    only: {
      type: 'string',
      multiple: true,
      default: ['models/ssd2/', 'models/inference/', 'functions/', 'lib/local/'],
    },
    test: { type: 'string', multiple: true, default: [''] },
    within: { type: 'string', default: '5' },
    quick: { type: 'string', default: 'Infinity' },
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    out: { type: 'string', default: 'mutants.json' },
    help: { type: 'boolean', default: false },
  },
});

/** Tests that start the command line or train, a minute or more each. */
const slow = /^test\/(bin|experiments|chaos|fuzz|mutation)\/|ways-out|no-reporting|trainer/;
/** Those that take so many seconds at most run before all others. */
const quickSeconds = 3;
/** How much longer than without a mutant tests may take before they count as hanging. */
const patience = { factor: 10, seconds: 60 };

type Verdict = 'killed' | 'timed out' | 'does not compile' | 'survived' | 'no test';

async function judge(sandbox: Sandbox, mutant: Mutant, related: RelatedTests, seconds: ReadonlyMap<string, number>) {
  const took = (test: string) => seconds.get(test) ?? Number.POSITIVE_INFINITY;
  const tests = testsOf(related, mutant.file).filter((test) => took(test) <= Number(values.quick));
  const rounds = [
    tests.filter((test) => took(test) <= quickSeconds),
    tests.filter((test) => took(test) > quickSeconds),
  ];
  const text = sandbox.read(mutant.file);
  sandbox.write(mutant.file, apply(text, mutant));
  try {
    let compiled = false;
    for (const round of rounds.filter(({ length }) => length > 0)) {
      const whole = round.reduce((sum, test) => sum + took(test), 0);
      const limit = patience.seconds + patience.factor * whole;
      const { outcome, output } = await sandbox.run('vitest', ['run', '--bail=1', ...round], limit);
      if (outcome === 'timed out') return { verdict: 'timed out' as Verdict };
      if (outcome === 'failed') return { verdict: 'killed' as Verdict, by: /FAIL\s+(\S+)/.exec(output)?.[1] };
      // What the type check refuses cannot be merged, so it counts for nothing. Later than the quick tests: it is slower.
      if (!compiled && (await sandbox.run('tsc', ['--noEmit'], 600)).outcome === 'failed') {
        return { verdict: 'does not compile' as Verdict };
      }
      compiled = true;
    }
    return { verdict: (tests.length === 0 ? 'no test' : 'survived') as Verdict };
  } finally {
    sandbox.write(mutant.file, text);
  }
}

function testsOf(related: RelatedTests, file: string) {
  const near = related.of(file).filter(({ distance }) => distance <= Number(values.within));
  return near.map(({ test }) => test);
}

async function main(): Promise<void> {
  if (values.help) return console.log(help);
  const source = join(import.meta.dirname, '..', '..');
  const sandbox = new Sandbox(source);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

  const isTest = (file: string) => file.endsWith('.test.ts');
  const files = sandbox.files.filter((file) => file.endsWith('.ts'));
  const mutated = files.filter((file) => !isTest(file) && values.only.some((prefix) => file.startsWith(prefix)));
  const all = await findMutants(sandbox.root, mutated);
  const chosen = values.sample === undefined ? all : sample(all, Number(values.sample), Number(values.seed));
  if (values.list) {
    for (const { file, line, mutator, original, replacement } of chosen) {
      console.log(`${file}:${line} ${mutator}: ${oneLine(original)} -> ${oneLine(replacement)}`);
    }
    return;
  }
  const wanted = (file: string) => values.test.some((prefix) => file.startsWith(prefix));
  const tests = files.filter((file) => isTest(file) && wanted(file) && (values.all || !slow.test(file)));
  const related = new RelatedTests(sandbox.root, files, tests);
  const reaching = chosen.flatMap(({ file }) => testsOf(related, file));
  const seconds = await passing(sandbox, [...new Set(reaching)].sort());
  const results: (Mutant & { verdict: Verdict; by?: string | undefined })[] = [];
  for (const mutant of chosen) {
    const result = { ...mutant, ...(await judge(sandbox, mutant, related, seconds)) };
    results.push(result);
    const { file, line, verdict, original, replacement } = result;
    console.log(
      `${results.length}/${chosen.length} ${verdict.padEnd(9)} ${file}:${line} ${oneLine(original)} -> ${oneLine(replacement)}`,
    );
    const summary = { seed: Number(values.seed), of: all.length, within: Number(values.within), ...score(results) };
    writeFileSync(values.out, `${JSON.stringify({ ...summary, results }, null, 2)}\n`);
  }
  const folders = [...new Set(results.map(({ file }) => file.split('/').slice(0, 2).join('/')))].sort();
  const rows = folders.map((folder) => {
    return { folder, ...score(results.filter(({ file }) => file.startsWith(`${folder}/`))) };
  });
  console.table([...rows, { folder: 'all', ...score(results) }]);
}

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly startTime: number;
    readonly endTime: number;
  }[];
}

/** The tests that pass as things are, and their seconds: one that fails would kill every mutant. */
async function passing(sandbox: Sandbox, tests: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const report = 'tests.json';
  const { output } = await sandbox.run('vitest', ['run', '--reporter=json', `--outputFile=${report}`, ...tests], 3600);
  if (!sandbox.has(report)) throw new Error(`the tests cannot be run:\n${output.slice(-2000)}`);
  const { testResults } = JSON.parse(sandbox.read(report)) as TestReport;
  const [passed, failed] = [true, false].map((well) =>
    testResults.filter(({ status }) => (status === 'passed') === well),
  );
  const nameOf = (name: string) => relative(realpathSync(sandbox.root), name);
  if (failed.length > 0) {
    console.log(`left out, since they fail without a mutant: ${failed.map(({ name }) => nameOf(name)).join(', ')}`);
  }
  return new Map(passed.map(({ name, startTime, endTime }) => [nameOf(name), (endTime - startTime) / 1000]));
}

function score(results: readonly { verdict: Verdict }[]) {
  const count = (...verdicts: Verdict[]) => results.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const [detected, undetected] = [count('killed', 'timed out'), count('survived', 'no test')];
  return {
    mutants: results.length,
    invalid: count('does not compile'),
    ...{ detected, undetected },
    score: Math.round((1000 * detected) / Math.max(1, detected + undetected)) / 10,
  };
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
}

await main();
