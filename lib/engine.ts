import type { GenerationResult, StepMessage } from '../functions/contracts/generation.ts';
import type { GenerationRequest } from '../functions/contracts/request.ts';
import { DirectEngine } from './direct-engine.ts';
import type { Fleet } from './fleet.ts';
import { LocalCloud, type LocalCloudOptions, localDefaults } from './local/local-cloud.ts';

export const engines = ['state-machine', 'direct'] as const;
export type EngineName = (typeof engines)[number];

/** Something that turns requests into text on this machine; both kinds give the same text. */
export interface Engine {
  generate(request: GenerationRequest): Promise<GenerationResult>;
  stop(): Promise<void>;
}

export type EngineOptions = Partial<Omit<LocalCloudOptions, 'onStep'>>;

export async function startEngine(
  name: EngineName,
  fleet: Fleet,
  onStep: (step: StepMessage) => void,
  options: EngineOptions = {},
): Promise<Engine> {
  if (name === 'state-machine') return LocalCloud.start(fleet, { ...options, onStep });
  const { kept, provider, threads } = { ...localDefaults, ...options };
  const engine = await DirectEngine.start(fleet, kept, { provider, threads });
  return { generate: (request) => engine.generate(request, onStep), stop: () => engine.stop() };
}
