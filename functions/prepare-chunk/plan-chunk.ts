import { type Generation, maxLanes } from '../../models/ssd2/generation.ts';
import { apiErrorOf } from '../api/api-errors.ts';
import { type AskedText, chatAsked, completionAsked, generationAsked } from '../api/asked-of.ts';
import { type PreparedRequest, prepareAsked } from '../api/prepare-asked.ts';
import { limits } from '../contracts/api/fields.ts';
import type { BatchRecord } from '../contracts/batch/record.ts';
import { bodySchemas, type NormalRow, plainRowSchema } from '../contracts/batch/row.ts';
import type { ChunkPlan, PlannedRow, RowResult } from '../shared/batches/chunk-store.ts';
import { StoreUnavailable } from '../shared/errors.ts';

/** A group of rows as one generation. */
export interface PlannedGroup {
  readonly rows: readonly PlannedRow[];
  readonly generation: Generation;
  readonly prompts: readonly (readonly number[])[];
  readonly contexts: readonly (readonly (readonly number[] | null)[])[];
  readonly visit: number;
}

export interface PlannedChunk {
  readonly plan: ChunkPlan;
  readonly groups: readonly PlannedGroup[];
}

interface Settings {
  readonly tenant: string;
  /** Of the batch. */
  readonly seed: number;
  readonly degradation?: BatchRecord['degradation'] | undefined;
  /** Texts that one generation may make side by side. */
  readonly mostLanes: number;
}

/** Steps of a row that one function runs where it does not say: as many as there is time for. */
const usualVisit = 1000;

/**
 * Puts rows into groups of lanes that decode alike; each text is the one that its row would have alone. What no model takes
 * is refused row by row.
 *
 * @throws StoreUnavailable
 */
export async function planChunk(rows: readonly NormalRow[], settings: Settings): Promise<PlannedChunk> {
  const refused: RowResult[] = [];
  const ready: { readonly row: PlannedRow; readonly prepared: PreparedRequest }[] = [];
  for (const row of rows) {
    try {
      ready.push(await prepareRow(row, settings));
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const { code, message, param, status } = apiErrorOf(error);
      if (status >= 500) throw error;
      const { line, id } = row;
      const problem = { line, id, code, message, param: param ?? null };
      refused.push({ row: row.row, line, promptTokens: 0, tokens: 0, steps: 0, error: problem });
    }
  }
  const alike = Map.groupBy(ready, ({ row, prepared }) => keyOf(row, prepared));
  const most = Math.min(settings.mostLanes, maxLanes);
  const groups = [...alike.values()].flatMap((own) => inParts(own, most)).map(groupOf);
  return { plan: { groups: groups.map(({ rows }) => rows), refused }, groups };
}

async function prepareRow(row: NormalRow, { tenant, seed, degradation }: Settings) {
  const asked = askedOf(row);
  // Texts of a row have seeds that follow each other.
  const own = asked.seed ?? seed + limits.choices * (row.line - 1);
  const slingshot = { visit: usualVisit, ...asked.slingshot };
  const caller = { tenant, ...(degradation ? { degradation } : {}) };
  const prepared = await prepareAsked(caller, { ...asked, slingshot, seed: own, watched: false, detailed: false });
  const { generation, prompts, stop } = prepared.prepared;
  const promptTokens = prompts.filter((_, i) => i % (asked.n ?? 1) === 0).reduce((sum, { length }) => sum + length, 0);
  const planned: PlannedRow = {
    ...{ row: row.row, line: row.line, id: row.id, form: row.form, model: asked.model, seed: own },
    ...{ lanes: generation.lanes.length, promptTokens, stop },
  };
  return { row: planned, prepared };
}

function askedOf({ form, body }: NormalRow): AskedText {
  if (form === '/v1/chat/completions') return chatAsked(bodySchemas[form].parse(body));
  if (form === '/v1/completions') return completionAsked(bodySchemas[form].parse(body));
  const { id, model = '', ...rest } = plainRowSchema.parse(body);
  return generationAsked({ ...rest, model, events: undefined, metadata: undefined });
}

/** Rows of one key decode alike. Candidates are for one text, and go alone. */
function keyOf({ row }: PlannedRow, { complete, prepared: { generation } }: PreparedRequest): string {
  const { decoding, endOfText, endOfTurn, choice } = generation;
  return JSON.stringify([decoding, endOfText, endOfTurn, complete.visit, choice ? row : null]);
}

function inParts<T extends { readonly row: PlannedRow }>(rows: readonly T[], most: number): T[][] {
  const parts: T[][] = [[]];
  let lanes = 0;
  for (const one of rows) {
    if (lanes > 0 && lanes + one.row.lanes > most) {
      parts.push([]);
      lanes = 0;
    }
    parts[parts.length - 1].push(one);
    lanes += one.row.lanes;
  }
  return parts;
}

function groupOf(own: readonly { readonly row: PlannedRow; readonly prepared: PreparedRequest }[]): PlannedGroup {
  const all = own.map(({ prepared }) => prepared.prepared);
  const [{ generation, contexts }] = all;
  const tokens = Math.max(...all.map(({ generation }) => generation.tokens));
  return {
    rows: own.map(({ row }) => row),
    generation: {
      ...generation,
      tokens,
      lanes: generation.choice
        ? generation.lanes
        : all.flatMap(({ generation: { lanes, tokens } }) => lanes.map((lane) => ({ ...lane, tokens }))),
    },
    prompts: all.flatMap(({ prompts }) => prompts),
    contexts: contexts.map((_, member) => all.flatMap(({ contexts }) => contexts[member])),
    visit: own[0].prepared.complete.visit,
  };
}
