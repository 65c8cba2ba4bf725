/**
 * A tensor's dimension: a known size, or a multiple of a symbol that is only known when the graph runs
 * ("lanes", "25*lanes").
 */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** `times` times the product of symbols. */
export interface Monomial {
  readonly times: number;
  readonly symbols: readonly string[];
}

/** Takes a dimension apart. */
export function parseDimension(dimension: Dimension): Monomial {
  if (typeof dimension === 'number') return { times: dimension, symbols: [] };
  const factors = dimension.split('*');
  const times = Number(factors[0]);
  return Number.isNaN(times) ? { times: 1, symbols: factors } : { times, symbols: factors.slice(1) };
}

function print({ times, symbols }: Monomial): Dimension {
  if (symbols.length === 0) return times;
  const name = [...symbols].sort().join('*');
  return times === 1 ? name : `${times}*${name}`;
}

/** The product of dimensions, in a canonical form, so that equal sizes compare equal with ===. */
export function sizeOf(shape: Shape): Dimension {
  const parts = shape.map(parseDimension);
  return print({
    times: parts.reduce((product, part) => product * part.times, 1),
    symbols: parts.flatMap((part) => part.symbols),
  });
}

/** `whole / part`; throws RangeError when `part` does not divide `whole`. */
export function divide(whole: Dimension, part: Dimension): Dimension {
  const { times, symbols } = parseDimension(whole);
  const divisor = parseDimension(part);
  const left = [...symbols];
  for (const symbol of divisor.symbols) {
    const at = left.indexOf(symbol);
    if (at < 0) throw new RangeError(`${part} does not divide ${whole}`);
    left.splice(at, 1);
  }
  if (times % divisor.times !== 0) throw new RangeError(`${part} does not divide ${whole}`);
  return print({ times: times / divisor.times, symbols: left });
}

/** The number of elements of a shape without symbols; throws TypeError otherwise. */
export function elementCount(shape: Shape): number {
  const size = sizeOf(shape);
  if (typeof size !== 'number') throw new TypeError(`the size of ${formatShape(shape)} is not known before the run`);
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** NumPy's broadcasting of two shapes; throws RangeError when they do not fit. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new RangeError(`shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
  });
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
