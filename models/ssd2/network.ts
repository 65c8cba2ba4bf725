import {
  add,
  concat,
  type Dimension,
  type Graph,
  gather,
  layerNorm,
  linear,
  linearTransposed,
  matmul,
  mul,
  relu,
  reshape,
  slice,
  softmax,
  sub,
  transpose,
  type Value,
} from '../graph/index.ts';
import type { DiffusionConfig, TransformerConfig } from './config.ts';
import { attentionScores } from './layout.ts';

/** Looks a trained tensor up by its name. */
export type Parameters = (name: string) => Value;

/** One layer's view of the clean tokens: keys [sequences, heads, head width, context], values [.., context, head width]. */
export interface ContextLayer {
  readonly keys: Value;
  readonly values: Value;
}

/** The clean tokens of `sequences` x `length` positions, as rows. */
export interface ContextInput {
  readonly sequences: Dimension;
  readonly length: Dimension;
  /** int64 [sequences * length] */
  readonly tokens: Value;
  readonly positions: Value;
  /** Added to the attention scores, broadcast to [sequences, heads, length, length]. */
  readonly bias: Value;
}

/** The noised tokens of `sequences` x `blocks` blocks, as rows. */
export interface NoisedInput {
  readonly sequences: Dimension;
  readonly blocks: number;
  /** x_t, [rows, vocabulary]. */
  readonly x: Value;
  /** The previous logits' probabilities [rows, vocabulary], and whether they count: 1 or 0, [rows, 1]; 1 when absent. */
  readonly previous?: { readonly probabilities: Value; readonly share?: Value };
  /** [rows, 1] */
  readonly timesteps: Value;
  /** int64 [rows] */
  readonly positions: Value;
  /** Added to the scores of noised against clean positions, broadcast to [sequences, heads, blocks * block, context]. */
  readonly bias: Value;
}

/**
 * What the clean tokens contribute, and, where it is asked for, the logits of each clean position's next token, or of
 * the rows `of` (int64) alone; only of meaning with the causal mask.
 *
 * The SSD-2 network: OPT's decoder (pre-LN, learned positions, ReLU) over two streams. Clean tokens attend to clean
 * tokens only, so what they contribute does not depend on t or on the noised block and can be kept. A noised block
 * attends to the clean segments before it and to itself.
 *
 * Training, the context encoder and the denoiser are graphs over these two functions.
 */
export function encodeContext(
  config: TransformerConfig,
  parameters: Parameters,
  input: ContextInput,
): { layers: ContextLayer[]; nextLogits: (of?: Value) => Value } {
  const { layers, last } = selfAttention(config, parameters, embedTokens(parameters, input), input);
  // Denoising reads keys and values only: what the last layer makes of them is left to nextLogits.
  const nextLogits = (of?: Value) => head(parameters, of ? gather(last(), of) : last());
  return { layers, nextLogits };
}

/**
 * Logits [sequences * block, vocabulary] of SSD-LM's layout (arXiv 2210.17432): context and one noised block are one
 * sequence, in which everything attends to everything.
 *
 * @param input its bias is broadcast to [sequences, heads, length + block, length + block]
 */
export function denoiseJointly(
  config: DiffusionConfig,
  parameters: Parameters,
  input: ContextInput & { readonly length: number },
  noised: Omit<NoisedInput, 'bias' | 'blocks' | 'sequences'>,
): Value {
  const { sequences, length } = input;
  const { block, width } = config;
  const context = reshape(embedTokens(parameters, input), [sequences, length, width]);
  const own = reshape(embedNoised(config, parameters, noised), [sequences, block, width]);
  const total = length + block;
  const x = reshape(concat([context, own], 1), [-1, width]);
  const { last } = selfAttention(config, parameters, x, { sequences, length: total, bias: input.bias });
  const all = reshape(last(), [sequences, total, width]);
  return noisedLogits(config, parameters, reshape(slice(all, 1, -block, undefined, block), [-1, width]), noised.x);
}

function embedTokens(parameters: Parameters, { tokens, positions }: ContextInput): Value {
  return add(gather(parameters('embed.tokens'), tokens), gather(parameters('embed.positions'), positions));
}

function embedNoised(
  config: DiffusionConfig,
  parameters: Parameters,
  input: Pick<NoisedInput, 'x' | 'previous' | 'positions' | 'timesteps'>,
): Value {
  const positions = gather(parameters('embed.positions'), input.positions);
  const x = add(embedSimplex(config, parameters, input), positions);
  return add(x, affine(parameters, 'embed.time', input.timesteps));
}

function noisedLogits(config: DiffusionConfig, parameters: Parameters, x: Value, noised: Value): Value {
  const logits = head(parameters, x);
  return config.simplex === 'posterior' ? add(logits, noised) : logits;
}

/** The layers over one stream of `sequences` x `length` rows; `last` adds the rest of the last layer. */
function selfAttention(
  config: TransformerConfig,
  parameters: Parameters,
  embedded: Value,
  input: Pick<ContextInput, 'sequences' | 'length' | 'bias'>,
): { layers: ContextLayer[]; last: () => Value } {
  const { sequences, length } = input;
  let x = embedded;
  const layers: ContextLayer[] = [];
  const split = (rows: Value, axes: readonly number[]) =>
    transpose(reshape(rows, [sequences, length, config.heads, headWidth(config)]), axes);
  let last = () => x;
  for (let layer = 0; layer < config.layers; layer++) {
    x = last();
    const name = `layers.${layer}`;
    const normal = norm(parameters, `${name}.attention.norm`, x);
    const part = (which: string) => affine(parameters, `${name}.attention.${which}`, normal);
    const keys = split(part('key'), [0, 2, 3, 1]);
    const values = split(part('value'), [0, 2, 1, 3]);
    layers.push({ keys, values });
    last = () => {
      const queries = split(mul(part('query'), 1 / Math.sqrt(headWidth(config))), [0, 2, 1, 3]);
      const weights = softmax(add(matmul(queries, keys), input.bias));
      const attended = reshape(transpose(matmul(weights, values), [0, 2, 1, 3]), [-1, config.width]);
      return feedForward(parameters, name, add(x, affine(parameters, `${name}.attention.out`, attended)));
    };
  }
  return { layers, last };
}

/** Logits [rows, vocabulary] of the noised positions. */
export function denoise(
  config: DiffusionConfig,
  parameters: Parameters,
  context: readonly ContextLayer[],
  input: NoisedInput,
): Value {
  let x = embedNoised(config, parameters, input);
  context.forEach((clean, layer) => {
    const name = `layers.${layer}`;
    x = add(x, blockAttention(config, parameters, `${name}.attention`, x, clean, input));
    x = feedForward(parameters, name, x);
  });
  return noisedLogits(config, parameters, x, input.x);
}

function head(parameters: Parameters, x: Value): Value {
  return linearTransposed(norm(parameters, 'norm', x), parameters('head.weight'), parameters('head.bias'));
}

/** The noised simplex and the previous logits, as embeddings [rows, width]. */
function embedSimplex(
  config: DiffusionConfig,
  parameters: Parameters,
  { x, previous }: Pick<NoisedInput, 'x' | 'previous'>,
): Value {
  const noised = softmax(config.simplex === 'posterior' ? add(x, parameters('prior')) : x);
  if (!previous) return linear(noised, parameters('embed.simplex'));
  const { probabilities, share } = previous;
  if (config.selfConditioning === 'separate') {
    const given = share ? mul(probabilities, share) : probabilities;
    return add(linear(noised, parameters('embed.simplex')), linear(given, parameters('embed.previous')));
  }
  const half = share ? mul(share, 0.5) : 0.5;
  return linear(add(noised, mul(sub(probabilities, noised), half)), parameters('embed.simplex'));
}

function blockAttention(
  config: DiffusionConfig,
  parameters: Parameters,
  name: string,
  x: Value,
  clean: ContextLayer,
  { sequences, blocks, bias }: NoisedInput,
): Value {
  const { heads, block, width } = config;
  const perHead = headWidth(config);
  const rows = blocks * block;
  const normal = norm(parameters, `${name}.norm`, x);
  const part = (which: string) => affine(parameters, `${name}.${which}`, normal);
  const byBlock = (value: Value) => reshape(value, [sequences, blocks, block, heads, perHead]);

  const scaled = mul(part('query'), 1 / Math.sqrt(perHead));
  const queries = transpose(reshape(scaled, [sequences, rows, heads, perHead]), [0, 2, 1, 3]);
  const ownKeys = transpose(byBlock(part('key')), [0, 3, 1, 4, 2]);
  const ownValues = transpose(byBlock(part('value')), [0, 3, 1, 2, 4]);

  const toClean = add(matmul(queries, clean.keys), bias);
  const similarity = matmul(reshape(queries, [sequences, heads, blocks, block, perHead]), ownKeys);
  const toOwn = config.attentionBias === 'linear' ? add(similarity, ownBias(config, queries.graph)) : similarity;
  const weights = softmax(concat([toClean, reshape(toOwn, [sequences, heads, rows, block])], 3));
  const cleanWeights = slice(weights, 3, 0, -block, toClean.shape[3]);
  const ownWeights = reshape(slice(weights, 3, -block, undefined, block), [sequences, heads, blocks, block, block]);

  const fromOwn = reshape(matmul(ownWeights, ownValues), [sequences, heads, rows, perHead]);
  const attended = transpose(add(matmul(cleanWeights, clean.values), fromOwn), [0, 2, 1, 3]);
  return affine(parameters, `${name}.out`, reshape(attended, [-1, width]));
}

/** Of a block's positions against each other, [1, heads, 1, block, block]. */
function ownBias(config: DiffusionConfig, graph: Graph): Value {
  const { heads, block } = config;
  return graph.constant(attentionScores(config, [block, 0], block), [1, heads, 1, block, block], 'ownBias');
}

function feedForward(parameters: Parameters, name: string, x: Value): Value {
  const up = relu(affine(parameters, `${name}.feed.up`, norm(parameters, `${name}.feed.norm`, x)));
  return add(x, affine(parameters, `${name}.feed.down`, up));
}

function affine(parameters: Parameters, name: string, x: Value): Value {
  return linear(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
}

function norm(parameters: Parameters, name: string, x: Value): Value {
  return layerNorm(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
}

function headWidth(config: TransformerConfig): number {
  return config.width / config.heads;
}
