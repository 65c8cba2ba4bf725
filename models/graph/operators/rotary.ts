import type { Value } from '../graph.ts';
import { formatShape } from '../shape.ts';

/** Cosines and sines of each position's angles, [positions, head width / 2]. */
export interface RotaryTables {
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
}

/**
 * Rotary positions (arXiv 2104.09864): turns each head of x [lanes, rows, heads * head width], its halves taken as real
 * and imaginary parts, by the angles of the row's position.
 *
 * @param positions int64 [lanes, rows]
 */
export function rotary(x: Value, positions: Value, tables: RotaryTables, headWidth: number): Value {
  return turn(x, positions, tables, headWidth, false);
}

function turn(x: Value, positions: Value, tables: RotaryTables, headWidth: number, back: boolean): Value {
  const { graph, shape } = x;
  if (shape.length !== 3 || (shape[2] as number) % headWidth !== 0) {
    throw new RangeError(`rotary: ${formatShape(shape)} has no heads of ${headWidth}`);
  }
  const table = [tables.cosines.length / (headWidth / 2), headWidth / 2];
  const sines = back
    ? graph.constant(
        tables.sines.map((value) => -value),
        table,
        'rotary.sinesBack',
      )
    : graph.constant(tables.sines, table, 'rotary.sines');
  return graph.node('RotaryEmbedding', {
    domain: 'com.microsoft',
    inputs: [x, positions, graph.constant(tables.cosines, table, 'rotary.cosines'), sines],
    shape,
    // The inverse of a rotation is its transpose.
    gradient: (dy) => [turn(dy, positions, tables, headWidth, !back), undefined],
  });
}
