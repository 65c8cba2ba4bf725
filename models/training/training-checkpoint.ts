import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../checkpoint/safetensors.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { firstIssue } from '../zod-issue.ts';
import { bufferNames, type ParameterBuffers } from './parameter-buffers.ts';
import { rangeSumsSchema } from './range-means.ts';
import { differenceOf, type RunIdentity, runIdentitySchema } from './run-identity.ts';

const stateSchema = z.object({
  /** Steps done, and to do in all; null until a budget in minutes has become a number of steps. */
  step: z.int().nonnegative(),
  steps: z.int().positive().nullable(),
  /** Seconds of training so far, over all its runs. */
  seconds: z.number().nonnegative(),
  identity: runIdentitySchema,
  /** What has been seen since the last line of metrics. */
  window: z.object({ steps: z.int().nonnegative(), seconds: z.number().nonnegative(), means: rangeSumsSchema }),
});

/**
 * What a run needs besides weights and optimiser to go on as if it had not stopped. Batches and noise are functions of
 * the seed and the step, so there is no random state and no data position besides.
 */
export type TrainingState = z.infer<typeof stateSchema>;

export async function saveTrainingCheckpoint(
  path: string,
  buffers: ParameterBuffers,
  state: TrainingState,
): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  for (const kind of bufferNames) {
    const views = buffers.views<Float32Array | Float16Array>(buffers[kind]);
    for (const [name, tensor] of views) tensors.set(`${kind}.${name}`, tensor);
  }
  await writeAtomically(path, encodeSafetensors(tensors, { state: JSON.stringify(state) }));
}

/**
 * Fills the buffers from a checkpoint.
 *
 * @param identity of the run that is to go on with it
 * @throws Error naming the file when it is damaged, or of another run, and in what it differs
 */
export async function loadTrainingCheckpoint(
  path: string,
  buffers: ParameterBuffers,
  identity: RunIdentity,
): Promise<TrainingState> {
  try {
    const { tensors, metadata } = decodeSafetensors(await readFile(path));
    const state = stateSchema.parse(JSON.parse(metadata.state ?? 'null'));
    const difference = differenceOf(state.identity, identity);
    if (difference) throw new Error(`it is of another run: ${difference}`);
    for (const kind of bufferNames) buffers.load(buffers[kind], tensors, `${kind}.`);
    return state;
  } catch (cause) {
    const what = cause instanceof z.ZodError ? firstIssue(cause, 'its state') : (cause as Error).message;
    throw new Error(`cannot resume from ${path}: ${what}`, { cause });
  }
}
