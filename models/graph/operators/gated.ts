import { type Value, withGradient } from '../graph.ts';
import { add, mul, sub } from './elementwise.ts';
import { concat, split } from './layout.ts';

/** silu(gate) * up of x = [gate, up] along the last axis, silu(g) = g / (1 + exp(-g)) (SwiGLU, arXiv 2002.05202). */
export function swiglu(x: Value): Value {
  const last = x.shape.length - 1;
  const half = (x.shape[last] as number) / 2;
  const [gate, up] = split(x, last, [half, half]);
  const share = x.graph.node('Sigmoid', { inputs: [gate], shape: gate.shape });
  const activated = mul(gate, share);
  return withGradient(mul(activated, up), [x], (dy) => {
    // d silu / dg = s (1 + g (1 - s)) = s + silu (1 - s)
    const slope = add(share, mul(activated, sub(1, share)));
    return [concat([mul(mul(dy, up), slope), mul(dy, activated)], last)];
  });
}
