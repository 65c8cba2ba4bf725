import * as z from 'zod';
import { countSchema, someTokenIdsSchema } from '../../models/ssd2/decoding.ts';
import { callSchema, generationSchema, laneIndicesSchema, stepMessageSchema } from '../../models/ssd2/generation.ts';
import { endpointSchema } from '../../models/ssd2/routing.ts';
import { bytesMessageSchema, privateContextSchema } from './stored.ts';

/**
 * Of all that passes between states. A field that is added must be optional; any other change is a new version, so that
 * an execution that a deploy finds in flight ends in a line that says so.
 */
export const contractVersion = 2;

const contractSchema = z.literal(contractVersion, {
  error: ({ input }) =>
    `is ${JSON.stringify(input)}, this function speaks ${contractVersion}: start the generation again`,
});

/** What stays the same through a generation and is no business of the mathematics. */
const runSchema = z
  .strictObject({
    contract: contractSchema,
    /** The generation's name, under which its reports are kept. */
    id: z.string().min(1),
    /** Whose generation it is; what it stores lies under this tenant's prefix. */
    tenant: z.string().min(1).nullable(),
    /** Denoise steps that one visit to a function runs. */
    visit: z.int().positive(),
    /** Whether somebody asked for the reports of its steps, and for who decided at each position. */
    watched: z.boolean(),
    detailed: z.boolean(),
    /** Whether the table has a record of it, in which its end is put down, and by which it may be cancelled. */
    recorded: z.boolean(),
    /** Texts before which a lane's text ends. */
    stop: z.array(z.string()).readonly(),
  })
  .readonly();
export type Run = z.infer<typeof runSchema>;
const chunkRun = 'chunk_';
/** The name of a run of a batch's rows. */
export const chunkRunId = (batch: string, execution: string) => `${chunkRun}${batch}_${execution}`;
/** The batch whose rows a run is of; undefined for any other run. */
export const batchOfRun = ({ id }: Pick<Run, 'id'>) => /^chunk_(batch_[0-9a-f]+)_/.exec(id)?.[1];
/** Whether nobody waits for a run's steps: a batch's rows give way to those that somebody waits for. */
export const isBackground = ({ id }: Pick<Run, 'id'>) => id.startsWith(chunkRun);

export const runFields = Object.keys(runSchema.unwrap().shape) as readonly (keyof Run)[];

/** Envelopes of some lanes, one after the other as they travel. */
const laneEnvelopesSchema = z.strictObject({ lanes: laneIndicesSchema, envelopes: bytesMessageSchema }).readonly();
export type LaneEnvelopesMessage = z.infer<typeof laneEnvelopesSchema>;

/** How a generation went on that lost some of its members. */
const degradedSchema = z
  .strictObject({
    /** Members that were not asked any more. */
    without: z.array(z.string().min(1)).min(1).readonly(),
    /** The first block that was made without them, whole: from 0, so it is the number of those that were made with them. */
    block: countSchema,
    /** The name of the error that lost them. */
    error: z.string(),
  })
  .readonly();
export type Degraded = z.infer<typeof degradedSchema>;

/** What is known of a generation beside its text, and touches nothing that makes text. */
const ledgerSchema = z
  .strictObject({
    /** What members cost so far, by name: denoise steps of lanes, and milliseconds in the model. */
    spent: z.record(z.string(), z.strictObject({ steps: countSchema, milliseconds: z.number() }).readonly()).readonly(),
    /** When its record was last read, in milliseconds since 1970. */
    checkedAt: z.number(),
    degraded: degradedSchema.optional(),
  })
  .readonly();
export type Ledger = z.infer<typeof ledgerSchema>;
/** Of a generation that was wanted just now. */
export const emptyLedger = (now = Date.now()): Ledger => ({ spent: {}, checkedAt: now });

/** What a step leaves to the next. */
const stepSchema = z
  .strictObject({
    generation: generationSchema,
    /** The fan-out of the step to come; empty when all lanes are done. */
    calls: z.array(callSchema).readonly(),
    /** Self-conditioning, by a call's `previous`. */
    previous: z.array(laneEnvelopesSchema.nullable()).min(1).readonly(),
    /** Whether DenoiseBlock goes on, or returns: at a block's end, or before an Express execution's time is up. */
    turn: z.enum(['continue', 'return']),
    ledger: ledgerSchema,
  })
  .readonly();
export type StepState = z.infer<typeof stepSchema>;

/** How often a block was started again in an execution of its own. */
const retriesSchema = z
  .strictObject({
    timedOut: countSchema,
    redrives: countSchema,
    /** How often it waited for a model that wakes. */
    waking: countSchema.optional(),
  })
  .readonly();

/** A chunk's place among a batch's, and which of its groups of lanes is run. */
const chunkSchema = z
  .strictObject({
    chunk: countSchema,
    group: countSchema,
    groups: countSchema,
    /** Whether texts may end before their tokens do, by texts of their rows. */
    stops: z.boolean(),
  })
  .readonly();
export type Chunk = z.infer<typeof chunkSchema>;

const promptsSchema = z.array(someTokenIdsSchema).min(1).readonly();
const laneContextsSchema = z.array(privateContextSchema.nullable()).readonly();

/** A generation in flight: the state of both state machines. */
export const stateSchema = z
  .strictObject({
    /** Whose it is, where a block's execution is told so by its input; tasks are told by the context object. */
    tenant: z.string().min(1).nullable().optional(),
    run: runSchema,
    /** Each lane's prompt, which every member sees. */
    prompts: promptsSchema,
    /** By a call's `context` and by lane: what that member alone sees before the prompt. */
    contexts: z.array(laneContextsSchema).readonly(),
    step: stepSchema,
    retries: retriesSchema,
    /** Seconds to wait before the block begins; not at all when absent. */
    pause: countSchema.optional(),
    /** Of a batch's rows: which of its chunks they are. */
    chunk: chunkSchema.optional(),
  })
  .readonly();
export type State = z.infer<typeof stateSchema>;

/** To invoke-model: one call, with its own member's context and self-conditioning. */
export const modelCallSchema = z
  .strictObject({
    run: runSchema,
    call: callSchema,
    generation: generationSchema,
    prompts: promptsSchema,
    contexts: laneContextsSchema,
    previous: laneEnvelopesSchema.nullable(),
    /** The ledger's: a call that waited, to be tried again, asks once more whether it is wanted. */
    checkedAt: z.number().default(0),
  })
  .readonly();

const millisecondsSchema = z.record(z.string(), z.number()).readonly();
export type Milliseconds = z.infer<typeof millisecondsSchema>;

/** From invoke-model. */
const modelAnswerSchema = z
  .strictObject({
    member: z.string(),
    endpoint: endpointSchema,
    answer: laneEnvelopesSchema,
    milliseconds: millisecondsSchema,
  })
  .readonly();
export type ModelAnswer = z.infer<typeof modelAnswerSchema>;

const startedAtSchema = z.iso.datetime({ offset: true });

/** To reduce. */
export const reductionSchema = z
  .strictObject({
    run: runSchema,
    generation: generationSchema,
    answers: z.array(modelAnswerSchema).min(1).readonly(),
    startedAt: startedAtSchema,
    ledger: ledgerSchema,
  })
  .readonly();

/** To denoise-visit. */
export const visitSchema = stateSchema
  .unwrap()
  .omit({ retries: true, pause: true, chunk: true })
  .extend({ startedAt: startedAtSchema })
  .readonly();

/** What a denoise step of a lane tells of itself, for whoever watches. */
export const reportSchema = stepMessageSchema
  .unwrap()
  .extend({
    /** Who answered, and how long each took, by member. */
    routes: z.record(z.string(), endpointSchema).readonly(),
    milliseconds: z.record(z.string(), millisecondsSchema).readonly(),
  })
  .readonly();
export type StepMessage = z.infer<typeof reportSchema>;

/** To finish. */
export const finishSchema = z
  .strictObject({ run: runSchema, generation: generationSchema, ledger: ledgerSchema })
  .readonly();

/** What a finished execution gives. */
export interface FinishedGeneration {
  readonly models: readonly string[];
  readonly lanes: readonly FinishedLane[];
  readonly degraded?: DegradedText;
}

/** With the tokens of its texts that were made without the members that it lost. */
export type DegradedText = Degraded & { readonly tokens: number };

export interface FinishedLane {
  readonly text: string;
  readonly tokens: number;
  readonly blocks: number;
  readonly steps: number;
  readonly seed: number;
  /** Whether it ended by itself or by the number of tokens. */
  readonly finish: 'stop' | 'length';
}
