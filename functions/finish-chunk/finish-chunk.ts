import type { Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { ChunkDone, ChunkStep } from '../contracts/batch/states.ts';
import { getBatch } from '../shared/batches/batch-store.ts';
import { type GroupResult, getGroups, getPlan, putChunk, putGroup } from '../shared/batches/chunk-store.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { addModels } from '../shared/metering.ts';
import { rowResults } from './row-results.ts';

/** The results of a group of lanes; with the last group's, the chunk is done. */
export async function finishChunk(
  { tenant, batch, chunk: place, step }: ChunkStep,
  tokenizer: Tokenizer,
): Promise<ChunkDone> {
  const { chunk, group, groups } = place;
  const [record, plan] = await Promise.all([getBatch(tenant, batch), getPlan({ tenant, batch }, chunk)]);
  if (!record) throw new InvalidRequest(`batch ${batch}: there is none`);
  const { generation, ledger } = step;
  const own: GroupResult = {
    results: await rowResults(plan.groups[group], generation, tokenizer, { createdAt: record.createdAt, ledger }),
    spent: ledger.spent,
    versions: versionsOf(generation),
  };
  if (group + 1 < groups) {
    await putGroup({ tenant, batch }, chunk, group, own);
    return { chunk, group: group + 1, more: true };
  }
  const before = await getGroups({ tenant, batch }, chunk, group);
  const all = [...before, own];
  await putChunk({ tenant, batch }, chunk, {
    results: [...plan.refused, ...all.flatMap(({ results }) => results)],
    spent: all.map(({ spent }) => spent).reduce(addModels),
    versions: Object.assign({}, ...all.map(({ versions }) => versions)),
  });
  return { chunk, group, more: false };
}

function versionsOf({ decoding: { members, fallback } }: Generation): GroupResult['versions'] {
  const all = [...(fallback?.from === undefined ? [] : fallback.members), ...members];
  return Object.fromEntries(
    all.map(({ name, routes }) => {
      const versions = routes.map(({ endpoint }) => endpoint.version ?? 'unknown');
      return [name, [...new Set(versions)]];
    }),
  );
}
