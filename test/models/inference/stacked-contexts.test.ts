import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { KeptPiece } from '../../../models/inference/kept-piece.ts';
import { ContextStacker } from '../../../models/inference/stacked-contexts.ts';
import { masked } from '../../../models/ssd2/layout.ts';

const [layers, groups, headWidth] = [2, 2, 3];

/** A piece whose numbers say where they stand: keys [groups, head width, length], values [groups, length, head width]. */
function piece(id: number, length: number): KeptPiece {
  const number = (layer: number, group: number, width: number, i: number) =>
    id * 1e4 + layer * 1e3 + group * 100 + width * 10 + (i % 10);
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const kept = range(layers).map((layer) => ({
    keys: Float32Array.from(
      range(groups).flatMap((g) => range(headWidth).flatMap((w) => range(length).map((i) => number(layer, g, w, i)))),
    ),
    values: Float32Array.from(
      range(groups).flatMap((g) => range(length).flatMap((i) => range(headWidth).map((w) => number(layer, g, w, i)))),
    ),
  }));
  return { length, layers: kept, bytes: 0 };
}

const pieces = Array.from({ length: 12 }, (_, id) => piece(id, id < 3 ? 30 : 1 + (id % 3)));

it("has each lane's pieces one behind the other, whatever was stacked before", () => {
  const lane = fc.array(fc.integer({ min: 0, max: pieces.length - 1 }), { maxLength: 6 });
  const call = fc.record({ lanes: fc.array(lane, { minLength: 1, maxLength: 3 }), grow: fc.boolean() });
  const calls = fc.array(call, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(calls, (all) => {
      const stacker = new ContextStacker(layers, { groups, headWidth });
      for (const { lanes, grow } of all) {
        const contexts = lanes.map((ids) => ids.map((id) => pieces[id]));
        const { length, keys, values, bias } = stacker.stack(contexts, grow);
        contexts.forEach((context, l) => {
          let at = 0;
          for (const { length: own, layers: kept } of context) {
            for (const layer of kept.keys()) {
              for (let g = 0; g < groups; g++) {
                for (let w = 0; w < headWidth; w++) {
                  for (let i = 0; i < own; i++) {
                    const key = keys[layer][((l * groups + g) * headWidth + w) * length + at + i];
                    expect(key).toBe(kept[layer].keys[(g * headWidth + w) * own + i]);
                    const value = values[layer][((l * groups + g) * length + at + i) * headWidth + w];
                    expect(value).toBe(kept[layer].values[(g * own + i) * headWidth + w]);
                  }
                }
              }
            }
            at += own;
          }
          const seen = Array.from({ length }, (_, column) => (column < at ? 0 : Math.fround(masked)));
          expect([...bias.subarray(l * length, (l + 1) * length)]).toEqual(seen);
        });
      }
    }),
    { numRuns: 40 },
  );
});
