import { Graph, matmul } from '../models/graph/index.ts';
import { Session } from '../models/runtime/session.ts';
import { medianMilliseconds } from './timing.ts';

const size = 2048;

/** What this machine's cores reach in a large fp32 matrix product through ONNX Runtime, in GFLOP/s. */
export async function matrixPeak(): Promise<number> {
  const graph = new Graph('peak');
  graph.output('y', matmul(graph.input('a', [size, size]), graph.input('b', [size, size])));
  const session = await Session.create(graph);
  const a = new Float32Array(size * size).fill(0.5);
  const y = new Float32Array(size * size);
  const milliseconds = await medianMilliseconds(15, () => session.run({ a, b: a }, { y }));
  await session.release();
  return (2 * size ** 3) / milliseconds / 1e6;
}
