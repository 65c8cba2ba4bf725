import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeAtomically } from '../checkpoint/atomic-write.ts';
import { decodeSafetensors, encodeSafetensors } from '../checkpoint/safetensors.ts';
import { bufferNames, type ParameterBuffers } from './parameter-buffers.ts';

const stateSchema = z.object({
  /** Steps done. */
  step: z.int().nonnegative(),
  /** Seconds of training so far, over all its runs. */
  seconds: z.number().nonnegative(),
  /** Fingerprint of the tokens trained on. */
  data: z.string(),
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
  const tensors = new Map(
    bufferNames.flatMap((kind) =>
      [...buffers.views(buffers[kind])].map(([name, tensor]) => [`${kind}.${name}`, tensor] as const),
    ),
  );
  await writeAtomically(path, encodeSafetensors(tensors, 'F32', { state: JSON.stringify(state) }));
}

/**
 * Fills the buffers from a checkpoint.
 *
 * @throws Error naming the file when it is damaged or of another model
 */
export async function loadTrainingCheckpoint(path: string, buffers: ParameterBuffers): Promise<TrainingState> {
  try {
    const { tensors, metadata } = decodeSafetensors(await readFile(path));
    for (const kind of bufferNames) buffers.load(buffers[kind], tensors, `${kind}.`);
    return stateSchema.parse(JSON.parse(metadata.state ?? 'null'));
  } catch (cause) {
    throw new Error(`cannot resume from ${path}: ${(cause as Error).message}`, { cause });
  }
}
