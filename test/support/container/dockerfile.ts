export interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

export interface BuildStage {
  /** A stage before it, or an image. */
  readonly from: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, arguments filled in as `docker build --build-arg` does. */
export function readDockerfile(text: string, buildArguments: Readonly<Record<string, string>>): BuildStage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const values = new Map<string, string>();
  const fill = (part: string) => part.replaceAll(/\$\{(\w+)\}/g, (_, name) => values.get(name) ?? '');
  const stages: (BuildStage & { instructions: Instruction[] })[] = [];
  for (const line of lines) {
    const [, keyword, raw] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
    const filled = keyword === 'RUN' ? raw : fill(raw);
    if (keyword === 'ARG') {
      const [name, value] = filled.split(/=(.*)/);
      if (value !== undefined) values.set(name, buildArguments[name] ?? value);
    } else if (keyword === 'FROM') {
      const [from, , name = `${stages.length}`] = filled.split(/\s+/);
      stages.push({ from, name, instructions: [] });
    } else stages[stages.length - 1].instructions.push({ keyword, text: filled });
  }
  return stages;
}

/** What the last stage, or the one of a name, begins with, innermost first: an image, then stage after stage. */
export function chainOf(
  stages: readonly BuildStage[],
  name = stages[stages.length - 1].name,
): { readonly image: string; readonly stages: readonly BuildStage[] } {
  const stage = stages.findLast((each) => each.name === name);
  if (!stage) return { image: name, stages: [] };
  const before = chainOf(stages, stage.from);
  return { image: before.image, stages: [...before.stages, stage] };
}
