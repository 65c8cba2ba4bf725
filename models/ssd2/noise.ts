import { threefry, threefryStream, type Words } from './threefry.ts';

/**
 * Where in a generation a row of noise belongs. Noise is a pure function of these and the vocabulary index, so that
 * every endpoint, retry and machine rebuilds the same bits and none is ever sent.
 */
export interface NoiseAddress {
  /** Below 2^53. */
  readonly seed: number;
  readonly lane: number;
  readonly block: number;
  readonly step: number;
  readonly position: number;
}

const uses = { gaussian: 0, uniform: 1, gumbel: 2 };

function addressKey({ seed, lane, block, step, position }: NoiseAddress, use: keyof typeof uses): Words {
  const sequence = threefry([seed >>> 0, Math.floor(seed / 2 ** 32)], [lane, block]);
  const row = threefry(sequence, [step, position]);
  return threefry(row, [uses[use], 0]);
}

/** One number in (0, 1), for sampling a token. */
export function uniform(address: NoiseAddress): number {
  const [word] = threefry(addressKey(address, 'uniform'), [0, 0]);
  return (word + 0.5) / 2 ** 32;
}

/** The standard Gumbel noise -ln(-ln u) of a position's token, in operations that IEEE 754 rounds exactly. */
export function gumbel(address: NoiseAddress, token: number): number {
  const [word] = threefry(addressKey(address, 'gumbel'), [token, 0]);
  return -exactLog(-exactLog((word + 0.5) / 2 ** 32));
}

const words = new Uint32Array(2048);
const halves = new Uint16Array(words.buffer);

/**
 * Fills `out` (an even length of at most 4,096 times any count; one row over the vocabulary) with normally distributed
 * numbers: N(0, 1) times `scale`, plus `shift`.
 */
export function gaussianRow(address: NoiseAddress, out: Float32Array, scale = 1, shift = 0): void {
  const quantiles = normalQuantiles();
  const key = addressKey(address, 'gaussian');
  for (let start = 0, chunk = 0; start < out.length; start += halves.length, chunk++) {
    threefryStream(chunk === 0 ? key : threefry(key, [chunk, 1]), words);
    const length = Math.min(halves.length, out.length - start);
    for (let i = 0; i < length; i++) out[start + i] = scale * quantiles[halves[i]] + shift;
  }
}

let quantileTable: Float32Array | undefined;

/**
 * The standard normal distribution in 65,536 equally likely values: the quantiles at (i + 1/2) / 65536, between -4.32
 * and 4.32. A 16-bit word looks its number up; the upper half mirrors the lower, so the mean is exactly 0.
 */
export function normalQuantiles(): Float32Array {
  if (!quantileTable) {
    const size = 65536;
    quantileTable = new Float32Array(size);
    for (let i = 0; i < size / 2; i++) {
      quantileTable[i] = normalQuantile((i + 0.5) / size);
      quantileTable[size - 1 - i] = -quantileTable[i];
    }
  }
  return quantileTable;
}

const central = {
  above: [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
    133.14166789178438, 3.3871328727963665,
  ],
  below: [
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
    42.31333070160091, 1,
  ],
};
const tail = {
  above: [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  below: [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
};

/**
 * The standard normal's quantile at p in (1e-10, 1/2]: algorithm AS 241 (Wichura, Applied Statistics 37, 1988), in
 * operations that IEEE 754 rounds exactly, logarithm included, so that the table has the same bits everywhere.
 */
function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (q > -0.425) {
    const r = 0.180625 - q * q;
    return (q * horner(central.above, r)) / horner(central.below, r);
  }
  const r = Math.sqrt(-exactLog(p)) - 1.6;
  return -horner(tail.above, r) / horner(tail.below, r);
}

function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

/** ln x by 2 atanh((m - 1) / (m + 1)) with x = m 2^e, m in [3/4, 3/2): additions, products and quotients only. */
function exactLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < 0.75; exponent--) mantissa *= 2;
  for (; mantissa >= 1.5; exponent++) mantissa /= 2;
  const ratio = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let power = 25; power > 0; power -= 2) sum = sum * ratio * ratio + 1 / power;
  return 2 * ratio * sum + exponent * Math.LN2;
}
