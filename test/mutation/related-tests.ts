import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What a file starts or loads by its path and not by an import. */
const loaded: Readonly<Record<string, (files: readonly string[]) => string[]>> = {
  'lib/local/lambda.ts': (files) => files.filter((file) => /^functions\/[^/]+\/handler\.ts$/.test(file)),
  'lib/local/model-process.ts': () => ['models/serving/main.ts'],
};

/**
 * How many imports lie between each test and a file, for the tests that reach it at all: 1 where the test imports it
 * itself.
 */
export class RelatedTests {
  readonly #imports = new Map<string, readonly string[]>();
  readonly #tests: readonly string[];

  constructor(root: string, files: readonly string[], tests: readonly string[]) {
    this.#tests = tests;
    const known = new Set(files);
    for (const file of files) {
      const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
      const named = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
        normalize(join(dirname(file), path)),
      );
      this.#imports.set(
        file,
        [...named, ...(loaded[file]?.(files) ?? [])].filter((path) => known.has(path)),
      );
    }
  }

  /** The tests that reach a file, nearest first. */
  of(file: string): { test: string; distance: number }[] {
    return this.#tests
      .map((test) => ({ test, distance: this.#distance(test, file) }))
      .filter(({ distance }) => distance < Number.POSITIVE_INFINITY)
      .sort((a, b) => a.distance - b.distance || a.test.localeCompare(b.test));
  }

  #distance(from: string, to: string): number {
    const seen = new Set([from]);
    let frontier = [from];
    for (let distance = 0; frontier.length > 0; distance++) {
      if (frontier.includes(to)) return distance;
      frontier = frontier.flatMap((file) => this.#imports.get(file) ?? []).filter((file) => !seen.has(file));
      for (const file of frontier) seen.add(file);
    }
    return Number.POSITIVE_INFINITY;
  }
}
