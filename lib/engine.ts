import type { DegradedText, FinishedGeneration, FinishedLane, StepMessage } from '../functions/contracts/generation.ts';
import type { GenerationRequest } from '../functions/contracts/request.ts';
import type { ExecutionProvider } from '../models/runtime/providers.ts';

export const engines = ['state-machine', 'direct'] as const;
export type EngineName = (typeof engines)[number];

/** A text, and how it came about. */
export interface GenerationResult extends FinishedLane {
  readonly models: readonly string[];
  /** How it went on with the core alone, where the tenant's model did not answer. */
  readonly degraded?: DegradedText;
}

/** What came of a request, which is for one lane. */
export function onlyLane({ lanes: [lane], ...rest }: FinishedGeneration): GenerationResult {
  return { ...lane, ...rest };
}

/** Something that turns requests into text on this machine; both kinds give the same text. */
export interface Engine {
  generate(request: GenerationRequest): Promise<GenerationResult>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  readonly provider: ExecutionProvider;
  /** Of each model. */
  readonly threads: number;
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
  readonly endpointTimeoutMilliseconds: number;
  /** Called with each denoise step as it finishes. */
  readonly onStep?: (step: StepMessage) => void;
}

export const engineDefaults: EngineOptions = {
  provider: 'cpu',
  // Core and tenant answer at the same time, each in a process of its own.
  threads: 1,
  kept: 256,
  endpointTimeoutMilliseconds: 30_000,
};
