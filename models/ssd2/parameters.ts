import type { NetworkConfig } from './config.ts';

/** How a parameter starts: a constant, normal with mean 0, as another does, or the logarithm of the tokens' frequency. */
export type Initialisation =
  | { readonly constant: number }
  | { readonly deviation: number }
  | { readonly copyOf: string }
  | { readonly logPrior: true };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Initialisation;
  /** Whether weight decay applies: not to biases, norms and the time layer. */
  readonly decay: boolean;
  /** Set from the data and left so. */
  readonly fixed?: true;
}

const zeros = { constant: 0 };
const ones = { constant: 1 };
const deviation = 0.02;
/** Positions and time start quieter than tokens: a noised token's share of its own embedding is small, too. */
const quiet = { deviation: deviation / 5 };

function weight(name: string, shape: readonly number[], initial: Initialisation = { deviation }): ParameterSpec {
  return { name, shape, initial, decay: true };
}

function plain(name: string, shape: readonly number[], initial: Initialisation): ParameterSpec {
  return { name, shape, initial, decay: false };
}

/** Every tensor of a model, in a fixed order: first those with weight decay, then those without. */
export function parameterSpecs(config: NetworkConfig): ParameterSpec[] {
  const { vocabulary, width, feedForward, positions, layers } = config;
  const diffusion = config.kind === 'ssd2' ? config : undefined;
  const posterior = diffusion?.simplex === 'posterior';
  // OPT and GPT-2 scale what is added to the residual stream down by the number of additions.
  const residual = { deviation: deviation / Math.sqrt(2 * layers) };
  const specs: ParameterSpec[] = [
    weight('embed.tokens', [vocabulary, width]),
    weight('embed.positions', [positions, width], quiet),
  ];
  if (diffusion) {
    specs.push(
      weight('embed.simplex', [vocabulary, width], { copyOf: 'embed.tokens' }),
      plain('embed.time.weight', [1, width], quiet),
      plain('embed.time.bias', [width], zeros),
    );
    if (diffusion.selfConditioning === 'separate') specs.push(weight('embed.previous', [vocabulary, width], zeros));
  }
  const affine = (name: string, from: number, to: number, initial?: Initialisation) =>
    specs.push(weight(`${name}.weight`, [from, to], initial), plain(`${name}.bias`, [to], zeros));
  const norm = (name: string) =>
    specs.push(plain(`${name}.weight`, [width], ones), plain(`${name}.bias`, [width], zeros));
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `layers.${layer}`;
    norm(`${prefix}.attention.norm`);
    affine(`${prefix}.attention.query`, width, width);
    affine(`${prefix}.attention.key`, width, width);
    affine(`${prefix}.attention.value`, width, width);
    affine(`${prefix}.attention.out`, width, width, residual);
    norm(`${prefix}.feed.norm`);
    affine(`${prefix}.feed.up`, width, feedForward);
    affine(`${prefix}.feed.down`, feedForward, width, residual);
  }
  norm('norm');
  // From the start a token's logit is highest where its own simplex came in, so that copying need not be learnt.
  specs.push(
    weight('head.weight', [vocabulary, width], { copyOf: 'embed.tokens' }),
    plain('head.bias', [vocabulary], diffusion && !posterior ? zeros : { logPrior: true }),
  );
  if (posterior) specs.push({ ...plain('prior', [vocabulary], { logPrior: true }), fixed: true });
  return [...specs.filter((spec) => spec.decay), ...specs.filter((spec) => !spec.decay)];
}

export function parameterCount(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
