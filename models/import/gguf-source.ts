import { basename } from 'node:path';
import { type BaseConfig, isFamily, type LlamaConfig } from '../checkpoint/base-config.ts';
import { rowBytes } from '../checkpoint/tensor-format.ts';
import { checkedConfig, checkedTensors, checkedTokenizer } from './check.ts';
import type { FileBytes } from './file-bytes.ts';
import { type Gguf, type GgufTensor, readGguf } from './gguf.ts';
import { ggufTokenizer, ggufTokenizerConfig } from './gguf-tokenizer.ts';
import { ImportError } from './import-error.ts';
import type { Provenance, Source, SourceTensor } from './source.ts';

/** GGUF's names of what a layer has, and Hugging Face's. */
const layerParts = new Map([
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
]);

const modelParts = new Map([
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
]);

/** Opens a GGUF file, which closes with the source. @throws ImportError */
export async function openGguf(file: FileBytes): Promise<Source> {
  const gguf = await readGguf(file);
  const config = ggufConfig(gguf, file.path);
  const tokenizer = await checkedTokenizer(file.path, ggufTokenizer(gguf, file.path), config.vocab_size);
  const tensors = new Map<string, SourceTensor>();
  for (const [name, tensor] of gguf.tensors) {
    const renamed = huggingFaceName(name);
    tensors.set(renamed, sourceTensor(file, tensor, rotatedHeads(renamed, config)));
  }
  return {
    config,
    tokenizer,
    tokenizerConfig: ggufTokenizerConfig(gguf),
    tensors: checkedTensors(tensors, config, (name) => `${file.path}: tensor ${ggufName(name)}`),
    provenance: provenance(gguf, file),
    changes: [
      "The tensors have Hugging Face's names, and the rows of the query and key projections Hugging Face's order.",
    ],
    close: () => file[Symbol.asyncDispose](),
  };
}

function ggufConfig({ metadata, tensors }: Gguf, path: string): BaseConfig {
  const family = metadata.get('general.architecture');
  if (family !== 'llama') {
    const instead = isFamily(family) ? 'take its Hugging Face folder' : 'take a llama model';
    throw new ImportError(`${path} is of family ${family}; of GGUF files, llama is read: ${instead}`);
  }
  const field = (key: string) => metadata.get(`llama.${key}`);
  const refuse = (key: string, what: string): never => {
    throw new ImportError(`${path}: llama.${key} is ${field(key)}: ${what}`);
  };
  const splits = metadata.get('split.count');
  if (Number(splits ?? 1) > 1) {
    throw new ImportError(`${path} is one of ${splits} files: join them with llama.cpp's gguf-split --merge`);
  }
  if (field('expert_count')) refuse('expert_count', 'a mixture of experts is not read');
  if ((field('rope.scaling.type') ?? 'none') !== 'none')
    refuse('rope.scaling.type', 'scaled rotary positions are not read');
  const heads = field('attention.head_count');
  const width = field('embedding_length');
  const headWidth = Number(width) / Number(heads);
  for (const key of ['rope.dimension_count', 'attention.key_length', 'attention.value_length']) {
    if ((field(key) ?? headWidth) !== headWidth) refuse(key, `heads of ${headWidth}, width by head count, are read`);
  }
  const vocabulary = tensors.get('token_embd.weight')?.shape[0] ?? field('vocab_size');
  return checkedConfig(path, {
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: width,
    num_hidden_layers: field('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: field('attention.head_count_kv') ?? heads,
    intermediate_size: field('feed_forward_length'),
    max_position_embeddings: field('context_length'),
    rms_norm_eps: decimal(field('attention.layer_norm_rms_epsilon')),
    rope_theta: decimal(field('rope.freq_base') ?? 10_000),
    tie_word_embeddings: !tensors.has('output.weight'),
    bos_token_id: metadata.get('tokenizer.ggml.bos_token_id'),
    eos_token_id: metadata.get('tokenizer.ggml.eos_token_id'),
    hidden_act: 'silu',
  });
}

/** A float32 as the decimal number that was meant: 1e-5 and not 0.000009999999747378752. */
function decimal(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(7)) : value;
}

function huggingFaceName(name: string): string {
  const [, layer, part, kind] = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
  const known = layerParts.get(part);
  return known ? `model.layers.${layer}.${known}.${kind}` : (modelParts.get(name) ?? name);
}

function ggufName(name: string): string {
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const known = nameFor(layerParts, part);
  return known ? `blk.${layer}.${known}.${kind}` : (nameFor(modelParts, name) ?? name);
}

function nameFor(names: ReadonlyMap<string, string>, value: string): string | undefined {
  return [...names].find(([, other]) => other === value)?.[0];
}

/** How many heads' rows llama.cpp's converter put in its own order; none in most tensors. */
function rotatedHeads(name: string, config: BaseConfig): number {
  const { num_attention_heads, num_key_value_heads } = config as LlamaConfig;
  if (name.endsWith('.q_proj.weight')) return num_attention_heads;
  return name.endsWith('.k_proj.weight') ? num_key_value_heads : 0;
}

function sourceTensor(file: FileBytes, { format, shape, from, bytes }: GgufTensor, heads: number): SourceTensor {
  return {
    format,
    shape,
    async read() {
      const stored = await file.read(from, bytes);
      return heads === 0 ? stored : halvesApart(stored, rowBytes(format, shape[1]), heads);
    },
  };
}

/**
 * llama.cpp turns the pairs of rows 2i and 2i + 1 of each head, Hugging Face the pairs i and i + half a head: its
 * converter interleaves the two halves, and this sets them apart again.
 */
function halvesApart(stored: Uint8Array, row: number, heads: number): Uint8Array {
  const out = new Uint8Array(stored.length);
  const half = stored.length / row / heads / 2;
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < 2 * half; i++) {
      const from = (head * 2 * half + 2 * (i % half) + Math.floor(i / half)) * row;
      out.set(stored.subarray(from, from + row), (head * 2 * half + i) * row);
    }
  }
  return out;
}

function provenance({ metadata }: Gguf, file: FileBytes): Provenance {
  const said = (key: string) => {
    const value = metadata.get(`general.${key}`);
    return typeof value === 'string' ? { [key]: value } : {};
  };
  const name = basename(file.path);
  return { name, ...said('name'), ...said('organization'), ...said('license'), files: [file] };
}
