import { loadAdapter } from '../checkpoint/adapter-directory.ts';
import { loadDiffusionModel } from '../checkpoint/model-directory.ts';
import { loadServedConfig } from '../checkpoint/served-model.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import type { LogitsEnvelope } from '../ssd2/envelope.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { AdaptedDenoiser } from './adapted-denoiser.ts';
import { Denoiser, type DenoiserTimings } from './denoiser.ts';
import { NgramDenoiser } from './ngram-denoiser.ts';

/** A loaded model that answers denoise steps. */
export interface StepModel {
  readonly name: string;
  readonly config: { readonly vocabulary: number; readonly block: number };
  /** The most threads with which a lane of any form has the same bits as with one, in any company; one when absent. */
  readonly exactThreads?: number;
  /**
   * One denoise step of each lane.
   *
   * @param kept entries a position that the answers keep
   * @param owner whose the lanes are, in any words: what is kept of their contexts serves nobody else
   * @throws LaneError when a lane does not fit the model
   */
  denoise(
    lanes: readonly LaneStep[],
    kept: number,
    owner: string,
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }>;
  release(): Promise<void>;
}

/** @throws ModelError */
export async function loadStepModel(directory: string, runtime?: RuntimeOptions): Promise<StepModel> {
  const { kind } = await loadServedConfig(directory);
  if (kind === 'adapter') return AdaptedDenoiser.create(await loadAdapter(directory, runtime?.provider), runtime);
  if (kind === 'ngram') return NgramDenoiser.load(directory, runtime);
  return Denoiser.create(await loadDiffusionModel(directory), runtime);
}
