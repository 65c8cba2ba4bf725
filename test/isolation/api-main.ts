import fc from 'fast-check';
import { answerOf, apiActs } from './api-acts.ts';
import { makeApiWorld } from './api-world.ts';

/**
 * Random calls of the API with a tenant's key, about another's things and about what there never was: the answers must
 * be the same. It prints how long both took. `npm run isolation` runs it after the SDK's calls.
 */
const tries = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
process.stdout.write(`${tries} pairs of API calls, seed ${seed}\n`);

const world = await makeApiWorld();
try {
  const before = await world.fingerprint();
  const times = new Map<string, { foreign: number[]; absent: number[] }>();
  let flip = false;
  await fc.assert(
    fc.asyncProperty(apiActs(world), async ({ name, foreign, absent, ask }) => {
      const answers = new Map<string, string>();
      const own = times.get(name) ?? { foreign: [], absent: [] };
      times.set(name, own);
      // Neither is always the second, which finds connections and caches warm.
      flip = !flip;
      const kinds = [
        ['foreign', foreign],
        ['absent', absent],
      ] as const;
      for (const [kind, id] of flip ? kinds : kinds.toReversed()) {
        const { path, ...options } = ask(id);
        const started = performance.now();
        const response = await world.service.call(path, options);
        answers.set(kind, await answerOf(response, id));
        own[kind].push(performance.now() - started);
      }
      if (answers.get('foreign') !== answers.get('absent')) {
        throw new Error(`${name}: ${answers.get('foreign')} is not ${answers.get('absent')}`);
      }
    }),
    { numRuns: tries, seed, endOnFailure: true },
  );
  if ((await world.fingerprint()) !== before) throw new Error("something of the other tenant's was changed");
  for (const [name, { foreign, absent }] of times) {
    const [a, b] = [foreign, absent].map(median);
    process.stdout.write(
      `${name}: ${a.toFixed(2)} ms for another's, ${b.toFixed(2)} ms for nobody's (${foreign.length})\n`,
    );
  }
} finally {
  await world.stop();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
