import { elementCount, formatShape, type Shape, sameShape } from './shape.ts';

export type ElementType = 'float32' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';
/** TensorProto.DataType. */
export const onnxType: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
export type Attribute = number | string | readonly number[] | { readonly float: number };
export type TensorData = Float32Array | Float16Array | BigInt64Array | Int8Array | Uint8Array;

/**
 * The vector-Jacobian product of an operator: the gradient of a scalar with respect to each input, from its gradient
 * with respect to the output. `undefined` where an input has none (an index, a mask).
 */
export type Gradient = (
  outputGradient: Value,
  output: Value,
  /** The gradient of another value, which must have been computed later than this one; undefined where there is none. */
  gradientOf: (other: Value) => Value | undefined,
) => readonly (Value | undefined)[];

/** A tensor in a graph: an input, a constant, or what a node computes. */
export interface Value {
  readonly id: number;
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly graph: Graph;
  /** What it was computed from, and how a gradient flows back there; absent on inputs and constants. */
  origin?: { readonly inputs: readonly Value[]; readonly gradient: Gradient };
}

export interface Node {
  readonly operator: string;
  /** ONNX's own where empty, else ONNX Runtime's contributed operators. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface NodeSpec {
  readonly inputs: readonly Value[];
  readonly shape: Shape;
  readonly type?: ElementType;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: Node['domain'];
  /** Absent: no gradient flows through this node. */
  readonly gradient?: Gradient;
}

/** An ONNX graph under construction. Operators (in ./operators) add nodes to it and check shapes as they do. */
export class Graph {
  readonly name: string;
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  readonly constants: { value: Value; data: TensorData }[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #sizes = new Map<string, Value>();
  #nextId = 0;

  constructor(name: string) {
    this.name = name;
  }

  input(name: string, shape: Shape, type: ElementType = 'float32'): Value {
    if (this.inputs.some((value) => value.name === name)) throw new Error(`graph ${this.name} has an input ${name}`);
    const value = this.#value(name, shape, type);
    this.inputs.push(value);
    return value;
  }

  /** A tensor stored in the model; those of one name, and small ones with the same content, are stored once. */
  constant(data: TensorData, shape: Shape, name?: string): Value {
    if (elementCount(shape) !== data.length) {
      throw new RangeError(`constant ${name ?? ''} has ${data.length} elements, its shape ${formatShape(shape)}`);
    }
    const content = () => (data.length <= 16 ? `${data.constructor.name}${formatShape(shape)}${data}` : '');
    const key = name ?? content();
    const known = this.#constants.get(key);
    if (known) return known;
    const value = this.#value(name ?? `constant${this.#nextId}`, shape, elementType(data));
    this.constants.push({ value, data });
    if (key) this.#constants.set(key, value);
    return value;
  }

  scalar(x: number): Value {
    return this.constant(Float32Array.of(x), []);
  }

  integers(xs: readonly number[]): Value {
    return this.constant(BigInt64Array.from(xs, BigInt), [xs.length]);
  }

  /** An input, int64 [1], that says how large a symbol is, for what cannot be found from a tensor's own size. */
  sizeInput(symbol: string): Value {
    const value = this.input(`${symbol}.size`, [1], 'int64');
    this.#sizes.set(symbol, value);
    return value;
  }

  /** What `sizeInput` made for a symbol. */
  symbolSize(symbol: string): Value | undefined {
    return this.#sizes.get(symbol);
  }

  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  node(operator: string, spec: NodeSpec): Value {
    return this.nodeWithOutputs(operator, [spec.shape], spec)[0];
  }

  /** A node of several outputs; the gradient flows through the first. */
  nodeWithOutputs(operator: string, shapes: readonly Shape[], spec: Omit<NodeSpec, 'shape'>): Value[] {
    for (const input of spec.inputs) {
      if (input.graph !== this) throw new Error(`${operator}: input ${input.name} is of graph ${input.graph.name}`);
    }
    const outputs = shapes.map((shape) => this.#value(`${operator}_${this.#nextId}`, shape, spec.type ?? 'float32'));
    this.nodes.push({
      operator,
      domain: spec.domain ?? '',
      inputs: spec.inputs.map((input) => input.name),
      outputs: outputs.map((output) => output.name),
      attributes: spec.attributes ?? {},
    });
    const first = outputs[0];
    if (first && spec.gradient) first.origin = { inputs: spec.inputs, gradient: spec.gradient };
    return outputs;
  }

  #value(name: string, shape: Shape, type: ElementType): Value {
    return { id: this.#nextId++, name, shape, type, graph: this };
  }
}

function elementType(data: TensorData): ElementType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float16Array) return 'float16';
  if (data instanceof Int8Array) return 'int8';
  return data instanceof Uint8Array ? 'uint8' : 'int64';
}

/** Replaces how the gradient flows from `output` by a closed form over `inputs`, for a composite operator. */
export function withGradient(output: Value, inputs: readonly Value[], gradient: Gradient): Value {
  output.origin = { inputs, gradient };
  return output;
}

/** Throws RangeError, naming the operator and both shapes, unless they are equal. */
export function expectShape(operator: string, value: Value, shape: Shape): void {
  if (!sameShape(value.shape, shape)) {
    throw new RangeError(`${operator}: ${value.name} has shape ${formatShape(value.shape)}, not ${formatShape(shape)}`);
  }
}
