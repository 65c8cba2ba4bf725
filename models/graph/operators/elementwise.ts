import { onnxType, type Value } from '../graph.ts';
import { broadcast } from '../shape.ts';
import { sumTo } from './reduce.ts';

type Operand = Value | number;

/** Operands may be numbers: they become scalar constants of the other's graph. */
function values(a: Operand, b: Operand): [Value, Value] {
  const graph = typeof a === 'number' ? (b as Value).graph : a.graph;
  const lift = (x: Operand) => (typeof x === 'number' ? graph.scalar(x) : x);
  return [lift(a), lift(b)];
}

type Partials = (dy: Value, a: Value, b: Value) => readonly [Value, Value];

function binary(operator: string, left: Operand, right: Operand, partials: Partials): Value {
  const [a, b] = values(left, right);
  return a.graph.node(operator, {
    inputs: [a, b],
    shape: broadcast(a.shape, b.shape),
    gradient: (dy) => {
      const [da, db] = partials(dy, a, b);
      return [sumTo(da, a.shape), sumTo(db, b.shape)];
    },
  });
}

export function add(a: Operand, b: Operand): Value {
  return binary('Add', a, b, (dy) => [dy, dy]);
}

export function sub(a: Operand, b: Operand): Value {
  return binary('Sub', a, b, (dy) => [dy, neg(dy)]);
}

export function mul(a: Operand, b: Operand): Value {
  return binary('Mul', a, b, (dy, x, y) => [mul(dy, y), mul(dy, x)]);
}

export function div(a: Operand, b: Operand): Value {
  return binary('Div', a, b, (dy, x, y) => [div(dy, y), neg(div(mul(dy, x), mul(y, y)))]);
}

type Derivative = (dy: Value, y: Value) => Value;

function unary(operator: string, x: Value, derivative: Derivative): Value {
  return x.graph.node(operator, { inputs: [x], shape: x.shape, gradient: (dy, y) => [derivative(dy, y)] });
}

export function neg(x: Value): Value {
  return unary('Neg', x, neg);
}

export function exp(x: Value): Value {
  return unary('Exp', x, mul);
}

export function log(x: Value): Value {
  return unary('Log', x, (dy) => div(dy, x));
}

export function sqrt(x: Value): Value {
  return unary('Sqrt', x, (dy, y) => div(mul(dy, 0.5), y));
}

/** max(x, 0); the derivative at 0 is taken as 0. */
export function relu(x: Value): Value {
  return unary('Relu', x, (dy, y) => {
    const { graph } = x;
    const positive = graph.node('Greater', { inputs: [y, graph.scalar(0)], shape: y.shape, type: 'bool' });
    return graph.node('Where', { inputs: [positive, dy, graph.scalar(0)], shape: y.shape });
  });
}

/** The same numbers in another type, through which no gradient flows. */
export function cast(x: Value, type: 'float32' | 'float16'): Value {
  return x.graph.node('Cast', { inputs: [x], shape: x.shape, type, attributes: { to: onnxType[type] } });
}

/** The value itself, through which no gradient flows. */
export function stopGradient(x: Value): Value {
  return x.graph.node('Identity', { inputs: [x], shape: x.shape, type: x.type });
}
