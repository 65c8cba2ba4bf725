import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tinyService } from '../support/service.ts';
import { fuzzService } from './fuzz-service.ts';

/** More requests than the suite makes: `npm run fuzz:api -- --runs 100000`. */
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const narrow = { requestsPerDay: 1e9, tokensPerDay: 1e12, stepsPerDay: 1e12, inFlight: 2, requestsPerSecond: 100 };
// In memory, what is kept would grow with the requests.
const folder = await mkdtemp(join(tmpdir(), 'slingshot-fuzz-api-'));
const service = await tinyService({ tiers: { large: narrow }, state: { folder }, endpointTimeoutMilliseconds: 30_000 });
const batch = 5000;
const total: Record<string, number> = {};
let failed = false;
for (let done = 0; done < Number(values.runs) && !failed; done += batch) {
  const runs = Math.min(batch, Number(values.runs) - done);
  const { statuses, failures } = await fuzzService(service, { runs, seed: Number(values.seed) + done });
  for (const [status, count] of Object.entries(statuses)) total[status] = (total[status] ?? 0) + count;
  const megabytes = Math.round(process.memoryUsage().rss / 2 ** 20);
  console.log(`${done + runs} requests, ${megabytes} MB, ${JSON.stringify(total)}`);
  for (const failure of failures) console.log(failure);
  failed = failures.length > 0;
}
await service.stop();
await rm(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
