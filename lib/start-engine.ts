import type { Engine, EngineName, EngineOptions } from './engine.ts';
import type { Fleet } from './fleet.ts';

/** Loads only the code of the engine asked for: the state machine's brings the whole CDK. */
export async function startEngine(name: EngineName, fleet: Fleet, options: Partial<EngineOptions>): Promise<Engine> {
  if (name === 'state-machine') {
    const { LocalCloud } = await import('./local/local-cloud.ts');
    return LocalCloud.start(fleet, options);
  }
  const { DirectEngine } = await import('./direct-engine.ts');
  return DirectEngine.start(fleet, options);
}
