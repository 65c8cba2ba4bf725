import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type BaseConfig, families, isFamily } from '../checkpoint/base-config.ts';
import { decodeHeader, headerBytes, SafetensorsError } from '../checkpoint/safetensors.ts';
import { indexFile } from '../checkpoint/sharded-weights.ts';
import { type TensorFormat, tensorFormats } from '../checkpoint/tensor-format.ts';
import { firstIssue } from '../zod-issue.ts';
import { checkedConfig, checkedTensors, checkedTokenizer } from './check.ts';
import { FileBytes } from './file-bytes.ts';
import { ImportError } from './import-error.ts';
import type { Source, SourceTensor, TokenizerConfig } from './source.ts';

const singleFile = 'model.safetensors';

/** Opens a folder as Hugging Face's libraries save it. @throws ImportError */
export async function openHuggingFace(folder: string): Promise<Source> {
  const names = await readdir(folder);
  if (!names.includes('config.json')) {
    const gguf = names.find((name) => name.endsWith('.gguf'));
    const what = gguf === undefined ? 'name a Hugging Face folder or a GGUF file' : `name ${join(folder, gguf)} itself`;
    throw new ImportError(`${folder} has no config.json: ${what}`);
  }
  const settings = await readJson(folder, 'config.json');
  const config = huggingFaceConfig(settings, join(folder, 'config.json'));
  if (!names.includes('tokenizer.json')) {
    throw new ImportError(
      `${folder} has no tokenizer.json: save it with transformers, AutoTokenizer.from_pretrained(…).save_pretrained(…)`,
    );
  }
  const tokenizerPath = join(folder, 'tokenizer.json');
  const tokenizer = await checkedTokenizer(tokenizerPath, await readJson(folder, 'tokenizer.json'), config.vocab_size);
  const files: FileBytes[] = [];
  const close = async () => {
    for (const file of files) await file[Symbol.asyncDispose]();
  };
  try {
    const { tensors, fileOf } = await openWeights(folder, names, files);
    const naming = (name: string) => `${join(folder, fileOf.get(name) ?? singleFile)}: tensor ${name}`;
    return {
      config,
      tokenizer,
      tokenizerConfig: await tokenizerConfig(folder, names),
      tensors: checkedTensors(tensors, config, naming),
      provenance: { name: nameOf(settings, folder), ...licenseFile(folder, names), files },
      changes: [],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readJson(folder: string, file: string): Promise<Record<string, unknown>> {
  const path = join(folder, file);
  await using bytes = await FileBytes.open(path);
  try {
    const value = JSON.parse(Buffer.from(await bytes.read(0, bytes.size)).toString('utf8'));
    if (typeof value !== 'object' || value === null) throw new Error(`it is ${JSON.stringify(value)}`);
    return value;
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    throw new ImportError(`${path} is no JSON object: ${(cause as Error).message}; fetch it again`, { cause });
  }
}

/** A config.json with what its family's class would fill in. */
function huggingFaceConfig(settings: Record<string, unknown>, path: string): BaseConfig {
  const family = settings.model_type;
  if (!isFamily(family)) {
    throw new ImportError(`${path}: model_type is ${family ?? 'missing'}; ${families.join(', ')} are read`);
  }
  const refuse = (key: string, what: string): never => {
    throw new ImportError(`${path}: ${key} is ${JSON.stringify(settings[key])}: ${what}`);
  };
  if (settings.quantization_config) {
    refuse('quantization_config', 'F32, F16 and BF16 are read of such folders; of GGUF files, quantised ones too');
  }
  const eos = Array.isArray(settings.eos_token_id) ? settings.eos_token_id[0] : settings.eos_token_id;
  const width = Number(settings.hidden_size);
  if (family === 'opt') {
    if ((settings.word_embed_proj_dim ?? width) !== width) refuse('word_embed_proj_dim', `${width} is read`);
    if (settings.do_layer_norm_before === false) refuse('do_layer_norm_before', 'true is read');
    if (settings._remove_final_layer_norm === true) refuse('_remove_final_layer_norm', 'false is read');
    return checkedConfig(path, {
      ...{ do_layer_norm_before: true, activation_function: 'relu', tie_word_embeddings: true },
      ...settings,
      eos_token_id: eos,
    });
  }
  const headWidth = width / Number(settings.num_attention_heads);
  if ((settings.head_dim ?? headWidth) !== headWidth) refuse('head_dim', `heads of ${headWidth} are read`);
  return checkedConfig(path, {
    ...{ num_key_value_heads: settings.num_attention_heads, tie_word_embeddings: false, hidden_act: 'silu' },
    ...{ max_position_embeddings: 2048, rms_norm_eps: 1e-6 },
    ...settings,
    rope_theta: rotaryBase(settings, refuse),
    eos_token_id: eos,
  });
}

/** Newer files have it in rope_parameters. */
function rotaryBase(settings: Record<string, unknown>, refuse: (key: string, what: string) => never): unknown {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const value = settings[key] as Record<string, unknown> | null | undefined;
    if (value && (value.rope_type ?? value.type ?? 'default') !== 'default') {
      refuse(key, 'plain rotary positions are read');
    }
  }
  const parameters = settings.rope_parameters as { rope_theta?: unknown } | null | undefined;
  return settings.rope_theta ?? parameters?.rope_theta ?? 10_000;
}

function nameOf(settings: Record<string, unknown>, folder: string): string {
  const { _name_or_path: name } = settings;
  return typeof name === 'string' && name !== '' ? name : basename(folder);
}

function licenseFile(folder: string, names: readonly string[]): { licenseFile?: string } {
  const name = names.find((name) => /^licen[cs]e(\.(txt|md))?$/i.test(name));
  return name === undefined ? {} : { licenseFile: join(folder, name) };
}

async function tokenizerConfig(folder: string, names: readonly string[]): Promise<TokenizerConfig> {
  const settings = names.includes('tokenizer_config.json') ? await readJson(folder, 'tokenizer_config.json') : {};
  const template = names.includes('chat_template.jinja')
    ? await readFile(join(folder, 'chat_template.jinja'), 'utf8')
    : defaultTemplate(settings.chat_template);
  const [bos, eos] = [spelling(settings.bos_token), spelling(settings.eos_token)];
  return {
    ...(template === undefined ? {} : { chat_template: template }),
    ...(bos === undefined ? {} : { bos_token: bos }),
    ...(eos === undefined ? {} : { eos_token: eos }),
    ...(typeof settings.add_bos_token === 'boolean' ? { add_bos_token: settings.add_bos_token } : {}),
  };
}

/** One template, or several with names. */
function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  return value.find((entry) => entry?.name === 'default')?.template;
}

function spelling(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const { content } = (token ?? {}) as { content?: unknown };
  return typeof content === 'string' ? content : undefined;
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+\.safetensors$/)) });

/** The tensors of all of a folder's files, which are opened into `files`. */
async function openWeights(
  folder: string,
  names: readonly string[],
  files: FileBytes[],
): Promise<{ tensors: Map<string, SourceTensor>; fileOf: Map<string, string> }> {
  const weightMap = names.includes(indexFile) ? await readIndex(folder) : undefined;
  const parts = weightMap ? [...new Set(Object.values(weightMap))].sort() : [singleFile];
  const missing = parts.find((part) => !names.includes(part));
  if (missing !== undefined) throw new ImportError(absence(folder, names, missing, weightMap !== undefined));
  const tensors = new Map<string, SourceTensor>();
  const fileOf = new Map<string, string>();
  for (const part of parts) {
    const file = await FileBytes.open(join(folder, part));
    files.push(file);
    for (const [name, tensor] of await partTensors(file)) {
      // Some of OPT's files leave the first word out.
      const whole = name.replace(/^decoder\./, 'model.decoder.');
      tensors.set(whole, tensor);
      fileOf.set(whole, part);
    }
  }
  for (const [name, part] of Object.entries(weightMap ?? {})) {
    if (!tensors.has(name.replace(/^decoder\./, 'model.decoder.'))) {
      throw new ImportError(
        `${join(folder, part)}: tensor ${name} is missing, ${indexFile} has it there: fetch it again`,
      );
    }
  }
  return { tensors, fileOf };
}

async function readIndex(folder: string): Promise<Record<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(folder, indexFile));
  if (parsed.success) return parsed.data.weight_map;
  const what = firstIssue(parsed.error, 'the file');
  throw new ImportError(`${join(folder, indexFile)} is no index of safetensors files: ${what}; fetch it again`);
}

/** Why a file of weights is not there. Pickled ones are not opened, since that can run what they hold. */
function absence(folder: string, names: readonly string[], missing: string, isPart: boolean): string {
  const pickled = names.find((name) => /\.(bin|pt|pth|ckpt|pkl|pickle)$/.test(name));
  if (isPart) return `${join(folder, missing)} is missing, ${indexFile} names it: fetch it`;
  if (pickled === undefined) return `${folder} has no ${singleFile}, nor ${indexFile}: take a folder that has`;
  return `${join(folder, pickled)} is pickled, and opening it could run what it holds: take or make safetensors of it`;
}

async function partTensors(file: FileBytes): Promise<Map<string, SourceTensor>> {
  try {
    const end = headerBytes(await file.read(0, Math.min(8, file.size)), file.size);
    const { entries } = decodeHeader(await file.read(0, end), file.size);
    return new Map(
      [...entries].map(([name, { type, shape, from, to }]) => {
        const format = tensorFormats.find((format) => format === type);
        if (format === undefined)
          throw new SafetensorsError(`tensor ${name} is of type ${type}; F32, F16, BF16 are read`);
        return [name, { format: format as TensorFormat, shape, read: () => file.read(from, to - from) }];
      }),
    );
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw new ImportError(`${file.path}: ${cause.message}: fetch it again, or take another copy`, { cause });
  }
}
