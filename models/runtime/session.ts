import './no-telemetry.ts';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeOnnx, type Graph, type Shape, type TensorData } from '../graph/index.ts';
import type { ExecutionProvider } from './providers.ts';

export interface RuntimeOptions {
  readonly provider?: ExecutionProvider;
  /** Threads within an operator; ONNX Runtime's choice (the cores) when absent. */
  readonly threads?: number;
}

/** A tensor's elements, and its shape where the graph left a dimension open. */
export type Feed = TensorData | { readonly data: TensorData; readonly shape: readonly number[] };

/** A graph made executable. */
export class Session {
  readonly #session: InferenceSession;
  readonly #graph: Graph;

  private constructor(session: InferenceSession, graph: Graph) {
    this.#session = session;
    this.#graph = graph;
  }

  static async create(graph: Graph, { provider = 'cpu', threads }: RuntimeOptions = {}): Promise<Session> {
    const model = encodeOnnx(graph);
    try {
      const session = await InferenceSession.create(model, {
        executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
        // Threads that spin until the next run would take the cores from another session's.
        extra: { session: { force_spinning_stop: '1' } },
      });
      return new Session(session, graph);
    } catch (cause) {
      if (provider === 'cpu') throw cause;
      // The library tells of its own source files first.
      const reason = (cause as Error).message.split(/ was false\. |: /).at(-1);
      throw new Error(`graphs cannot run on ${provider} here: ${reason}`, { cause });
    }
  }

  /**
   * Runs the graph.
   *
   * @param feeds one entry an input, by name
   * @param only the outputs that are wanted; all when absent
   * @param destinations buffers that outputs are written into, by name; other outputs get memory of their own
   */
  async run(
    feeds: Readonly<Record<string, Feed>>,
    destinations: Readonly<Record<string, Feed>> = {},
    only?: readonly string[],
  ): Promise<Record<string, Float32Array>> {
    const inputs = Object.fromEntries(
      this.#graph.inputs.map((input) => {
        const feed = feeds[input.name];
        if (feed === undefined) throw new Error(`graph ${this.#graph.name}: input ${input.name} was not fed`);
        return [input.name, tensor(feed, input.shape)];
      }),
    );
    const fetches = Object.fromEntries(
      this.#graph.outputs
        .filter(({ name }) => only === undefined || only.includes(name))
        .map(({ name, value }) => {
          const destination = destinations[name];
          return [name, destination ? tensor(destination, value.shape) : null];
        }),
    );
    const outputs = await this.#session.run(inputs, fetches);
    return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.data as Float32Array]));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function tensor(feed: Feed, declared: Shape): Tensor {
  const data = 'shape' in feed ? feed.data : feed;
  const shape = 'shape' in feed ? feed.shape : (declared as readonly number[]);
  if (data instanceof Float16Array) return halves(data, shape);
  if (data instanceof Float32Array) return new Tensor('float32', data, shape);
  if (data instanceof Int8Array) return new Tensor('int8', data, shape);
  return data instanceof Uint8Array ? new Tensor('uint8', data, shape) : new Tensor('int64', data, shape);
}

/**
 * A float16 tensor over the array's own memory. The package's native part takes its elements from a Uint16Array only,
 * which its Tensor, where there is a Float16Array, would turn into one: so it is made of the words, and its type set.
 */
function halves({ buffer, byteOffset, length }: Float16Array, shape: readonly number[]): Tensor {
  const words = new Tensor('uint16', new Uint16Array(buffer, byteOffset, length), shape);
  return Object.assign(words, { type: 'float16' }) as unknown as Tensor;
}
