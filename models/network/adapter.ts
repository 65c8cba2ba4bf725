import type { ParameterSpec } from '../ssd2/parameters.ts';
import type { BaseShape } from './base-shape.ts';
import { familyOf } from './families.ts';
import type { Rank } from './linear.ts';

/** What turns a frozen base into a denoiser. */
export interface AdapterShape {
  readonly rank: Rank;
  /** B, the number of tokens denoised together. */
  readonly block: number;
  /**
   * Whether a noised row predicts the token after its own, as the base's rows do: a block then begins with the last
   * clean token, and its last row only informs the others. Else each row predicts its own token.
   */
  readonly shift: boolean;
}

/** Rows that a block takes in the network. */
export function blockRows({ block, shift }: AdapterShape): number {
  return shift ? block + 1 : block;
}

/**
 * An adapter's tensors, those with weight decay first: `layers.N.MATRIX.a` [from, rank] and `.b` [rank, to], which is 0
 * at the start so that the network is then the base, or `.full` [from, to], 0 as well; `time.weight` [1, width] and
 * `time.bias` [width], added to noised rows; `prior` [vocabulary], the logarithm of the tokens' frequency in the training text.
 */
export function adapterSpecs(base: BaseShape, { rank }: AdapterShape): ParameterSpec[] {
  return [
    ...correctionSpecs(base, rank),
    { name: 'time.weight', shape: [1, base.width], initial: { constant: 0 }, decay: false },
    { name: 'time.bias', shape: [base.width], initial: { constant: 0 }, decay: false },
    { name: 'prior', shape: [base.vocabulary], initial: { logPrior: true }, decay: false, fixed: true },
  ];
}

/** Corrections of the matrices of all layers. */
export function correctionSpecs(base: BaseShape, rank: Rank): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  for (let layer = 0; layer < base.layers; layer++) {
    for (const { name, from, to } of familyOf(base).matrices) {
      const prefix = `layers.${layer}.${name}`;
      if (rank === 'full') {
        specs.push({ name: `${prefix}.full`, shape: [from, to], initial: { constant: 0 }, decay: true });
        continue;
      }
      specs.push(
        { name: `${prefix}.a`, shape: [from, rank], initial: { deviation: 1 / Math.sqrt(from) }, decay: true },
        { name: `${prefix}.b`, shape: [rank, to], initial: { constant: 0 }, decay: true },
      );
    }
  }
  return specs;
}
