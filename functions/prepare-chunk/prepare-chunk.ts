import { callsOf } from '../../models/ssd2/generation.ts';
import type { ChunkDone, ChunkInput } from '../contracts/batch/states.ts';
import { chunkRunId, contractVersion, emptyLedger, type State } from '../contracts/generation.ts';
import { countChunk, wantedBatch } from '../shared/batches/batch-store.ts';
import { findChunk, loadRows, putChunk, putPlan } from '../shared/batches/chunk-store.ts';
import { storeContextTokens } from '../shared/context-store.ts';
import { setting } from '../shared/environment.ts';
import { planChunk } from './plan-chunk.ts';

/** The state of a chunk's next group of lanes; or that there is nothing to run: the chunk is done, or no row of it can be. */
export async function prepareChunk({ tenant, batch, id, items, lanes, group }: ChunkInput): Promise<State | ChunkDone> {
  const chunk = Math.floor(items[0].row / lanes);
  const place = { tenant, batch };
  const found = group === 0 ? await findChunk(place, chunk) : undefined;
  if (found) {
    // Whoever put it down may have come no further.
    await countChunk(tenant, batch, chunk, found.head.counts);
    return { chunk, group: 0, more: false };
  }
  const record = await wantedBatch(tenant, batch);
  const rows = await loadRows(place, items);
  const { seed, degradation } = record;
  const settings = { tenant, seed, degradation, mostLanes: setting('SLINGSHOT_MOST_LANES') };
  const { plan, groups } = await planChunk(rows, settings);
  if (group >= groups.length) {
    await putChunk(place, chunk, { results: plan.refused, spent: {}, versions: {} });
    return { chunk, group, more: false };
  }
  if (group === 0) await putPlan(place, chunk, plan);
  const { generation, prompts, contexts, visit } = groups[group];
  const stored = new Map<readonly number[], ReturnType<typeof storeContextTokens>>();
  const store = (ids: readonly number[] | null) => {
    if (ids === null) return null;
    const known = stored.get(ids) ?? storeContextTokens(tenant, ids);
    stored.set(ids, known);
    return known;
  };
  return {
    run: {
      ...{ contract: contractVersion, id: chunkRunId(batch, id), tenant, visit, stop: [] },
      ...{ watched: false, detailed: false, recorded: false },
    },
    prompts,
    contexts: await Promise.all(contexts.map((own) => Promise.all(own.map(store)))),
    step: { generation, calls: callsOf(generation), previous: [null], turn: 'continue', ledger: emptyLedger() },
    retries: { timedOut: 0, redrives: 0 },
    chunk: {
      ...{ chunk, group, groups: groups.length },
      stops: plan.groups[group].some(({ stop }) => stop.length > 0),
    },
  };
}
