import type { RotaryTables } from '../graph/index.ts';
import { headShape, type LlamaShape } from './base-shape.ts';

/** Angles of rotary positions: cosines and sines [positions, head width / 2]. */
export function rotaryTables(shape: LlamaShape, positions: number): RotaryTables {
  const half = headShape(shape).headWidth / 2;
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * shape.rotaryBase ** (-i / half);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines };
}
