import { basename, join } from 'node:path';
import { ZodError } from 'zod';
import { readText } from '../files/read-text.ts';
import { ChatTemplate } from '../tokenizer/chat-template.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { firstIssue } from '../zod-issue.ts';
import { type BaseConfig, baseTensorShapes, parseBaseConfig } from './base-config.ts';
import { readSharded, type ShardedTensor } from './sharded-weights.ts';

export const baseFiles = {
  config: 'config.json',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
};

/** A pretrained next-token model as `slingshot import` leaves it. */
export interface Base {
  readonly name: string;
  readonly config: BaseConfig;
  readonly tokenizer: Tokenizer;
  /** Jinja's, which renders messages as the model's prompt. */
  readonly chatTemplate?: string;
  /** By Hugging Face's names, matrices [to, from]; float32 is made of one when asked for. */
  readonly tensors: ReadonlyMap<string, ShardedTensor>;
  /** SHA-256 that names these weights, for what is made to go with them. */
  readonly digest: string;
}

/** How a base was taught to be asked, if it was. */
export function chatOf({
  chatTemplate,
  tokenizer,
}: Pick<Base, 'chatTemplate' | 'tokenizer'>): ChatTemplate | undefined {
  return chatTemplate === undefined ? undefined : new ChatTemplate(chatTemplate, tokenizer);
}

/** @throws Error naming the file that is missing, damaged, or does not go with the others */
export async function loadBase(directory: string): Promise<Base> {
  const config = await parsed(directory, baseFiles.config, (text) => parseBaseConfig(JSON.parse(text)));
  const settings = await parsed(directory, baseFiles.tokenizerConfig, (text) => JSON.parse(text));
  const tokenizer = await parsed(directory, baseFiles.tokenizer, (text) => Tokenizer.parse(text));
  if (tokenizer.size !== config.vocab_size) {
    const sizes = `${tokenizer.size} tokens, ${baseFiles.config} says ${config.vocab_size}`;
    throw new Error(`${join(directory, baseFiles.tokenizer)}: ${sizes}`);
  }
  const { tensors, digest } = await readSharded(directory);
  for (const [name, shape] of baseTensorShapes(config)) {
    const found = tensors.get(name)?.shape;
    if (String(found) === String(shape)) continue;
    const is = found ? `has shape [${found}]` : 'is missing';
    throw new Error(`${directory}: tensor ${name} ${is}, ${baseFiles.config} needs [${shape}]`);
  }
  const { chat_template: chatTemplate } = settings;
  return {
    name: basename(directory),
    ...{ config, tokenizer, tensors, digest },
    ...(typeof chatTemplate === 'string' ? { chatTemplate } : {}),
  };
}

/** A tokenizer's of a large vocabulary has about 30 MB. */
const fileBytes = 2 ** 26;

async function parsed<T>(directory: string, file: string, parse: (text: string) => T): Promise<T> {
  const path = join(directory, file);
  try {
    return parse(await readText(path, fileBytes));
  } catch (cause) {
    const what = cause instanceof ZodError ? firstIssue(cause, 'the file') : (cause as Error).message;
    throw new Error(`${path} cannot be used: ${what}`, { cause });
  }
}
