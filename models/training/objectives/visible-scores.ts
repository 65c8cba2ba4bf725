import { masked } from '../../ssd2/layout.ts';

/** Added to attention scores [copies * rows, columns], a copy a head of a group: 0 where a row may attend, `masked` where not. */
export function visibleScores(
  copies: number,
  rows: number,
  columns: number,
  visible: (row: number, column: number) => boolean,
): Float32Array {
  return Float32Array.from({ length: copies * rows * columns }, (_, i) =>
    visible(Math.floor(i / columns) % rows, i % columns) ? 0 : masked,
  );
}
