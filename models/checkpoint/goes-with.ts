import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFiles } from './model-directory.ts';
import { loadServedConfig, type ServedConfig } from './served-model.ts';

type Member = Pick<ServedConfig, 'vocabulary' | 'endOfText' | 'block' | 'positions'> & { readonly tokenizer: string };

/**
 * Refuses models whose logits do not belong together: those that mean other tokens by the same numbers, or that cannot
 * take what the core takes.
 *
 * @returns what the core is
 * @throws Error naming the model, what of it is not the core's, and what it has to be
 */
export async function checkTogether(
  core: { readonly name: string; readonly directory: string },
  others: readonly { readonly name: string; readonly directory: string }[],
): Promise<Member> {
  const expected = await readMember(core.directory);
  for (const { name, directory } of others) {
    const found = await readMember(directory);
    const refuse = (what: string) => {
      throw new Error(`${directory}: model ${name} does not go with ${core.name}: ${what}`);
    };
    if (found.tokenizer !== expected.tokenizer) {
      refuse(`its ${modelFiles.tokenizer} is another; all models of a fleet share one, byte for byte`);
    }
    for (const field of ['vocabulary', 'endOfText', 'block'] as const) {
      if (found[field] !== expected[field]) refuse(`its ${field} is ${found[field]}, not ${expected[field]}`);
    }
    if (found.positions < expected.positions) {
      refuse(`it takes ${found.positions} positions, which must be ${expected.positions} or more`);
    }
  }
  return expected;
}

async function readMember(directory: string): Promise<Member> {
  const { vocabulary, endOfText, block, positions, weightsFiles, tokenizerDirectory } =
    await loadServedConfig(directory);
  if (endOfText >= vocabulary) {
    throw new Error(`${directory}: end-of-text is ${endOfText}, which is no token of a vocabulary of ${vocabulary}`);
  }
  for (const weights of weightsFiles.map((file) => join(directory, file))) {
    const found = await stat(weights).catch((cause) => {
      throw new Error(`${weights} cannot be read (${cause.message})`, { cause });
    });
    if (!found.isFile()) throw new Error(`${weights} is not a file`);
  }
  const bytes = await readFile(join(tokenizerDirectory, modelFiles.tokenizer));
  return { vocabulary, endOfText, block, positions, tokenizer: createHash('sha256').update(bytes).digest('hex') };
}
