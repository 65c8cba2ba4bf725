import type { Stage } from './load-config.ts';

/** All stages, or those that a list of names with commas between them picks. @throws Error naming one that there is not */
export function chosenStages(stages: ReadonlyMap<string, Stage>, names?: string): Stage[] {
  if (names === undefined || names === '') return [...stages.values()];
  return names.split(',').map((name) => stageNamed(stages, name));
}

/** The stage of a name; without one, the only one that there is. @throws Error */
export function stageNamed(stages: ReadonlyMap<string, Stage>, name?: string): Stage {
  const known = [...stages.keys()].join(', ');
  if (name === undefined) {
    if (stages.size > 1) throw new Error(`there are the stages ${known}: name one, --stage NAME`);
    return [...stages.values()][0];
  }
  const found = stages.get(name);
  if (!found) throw new Error(`stage ${JSON.stringify(name)}: there is none; there are ${known}`);
  return found;
}
