import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Instrumenter } from '@stryker-mutator/instrumenter';

/** One change to one place of a file. */
export interface Mutant {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly mutator: string;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly replacement: string;
}

const silent = new Proxy({}, { get: () => () => false }) as ConstructorParameters<typeof Instrumenter>[0];

/** What Stryker's mutators make of the files, in the order of the files and their lines. */
export async function findMutants(root: string, files: readonly string[]): Promise<Mutant[]> {
  const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const { mutants } = await new Instrumenter(silent).instrument(
    [...sources].map(([name, content]) => ({ name, content, mutate: true })),
    { plugins: null, excludedMutations: [], ignorers: [], noHeader: true },
  );
  return mutants.map(({ fileName, location, mutatorName, replacement }) => {
    const text = sources.get(fileName) as string;
    const starts = lineStarts(text);
    const [start, end] = [location.start, location.end].map(({ line, column }) => starts[line] + column);
    return {
      file: fileName,
      line: location.start.line + 1,
      mutator: mutatorName,
      ...{ start, end, original: text.slice(start, end), replacement },
    };
  });
}

export function apply(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
