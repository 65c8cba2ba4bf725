import protobuf from 'protobufjs/light.js';
import { type Attribute, type Graph, onnxType, type TensorData, type Value } from './graph.ts';

/** The part of onnx.proto3 (ONNX IR version 9) that graphs are written with; numbers are the field tags. */
const schema = {
  nested: {
    Model: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        graph: { type: 'Graph', id: 7 },
        opsetImport: { rule: 'repeated', type: 'OperatorSet', id: 8 },
      },
    },
    OperatorSet: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    Graph: {
      fields: {
        node: { rule: 'repeated', type: 'Node', id: 1 },
        name: { type: 'string', id: 2 },
        initializer: { rule: 'repeated', type: 'Tensor', id: 5 },
        input: { rule: 'repeated', type: 'ValueInfo', id: 11 },
        output: { rule: 'repeated', type: 'ValueInfo', id: 12 },
      },
    },
    Node: {
      fields: {
        input: { rule: 'repeated', type: 'string', id: 1 },
        output: { rule: 'repeated', type: 'string', id: 2 },
        opType: { type: 'string', id: 4 },
        attribute: { rule: 'repeated', type: 'Attribute', id: 5 },
        domain: { type: 'string', id: 7 },
      },
    },
    Attribute: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        ints: { rule: 'repeated', type: 'int64', id: 8 },
        type: { type: 'int32', id: 20 },
      },
    },
    Tensor: {
      fields: {
        dims: { rule: 'repeated', type: 'int64', id: 1 },
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
      },
    },
    ValueInfo: { fields: { name: { type: 'string', id: 1 }, type: { type: 'Type', id: 2 } } },
    Type: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    TensorType: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShape', id: 2 } } },
    TensorShape: { fields: { dim: { rule: 'repeated', type: 'Dim', id: 1 } } },
    Dim: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
  },
};

const Model = protobuf.Root.fromJSON(schema).lookupType('Model');

const attributeType = { float: 1, int: 2, string: 3, ints: 7 };
const irVersion = 9;
const opset = 18;

/** The graph as an ONNX model file (protobuf). */
export function encodeOnnx(graph: Graph): Uint8Array {
  const outputs = graph.outputs.map(({ name, value }) => ({ name, source: value }));
  return Model.encode({
    irVersion,
    producerName: 'slingshot',
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: graph.name,
      node: [
        ...graph.nodes.map(({ operator, domain, inputs, outputs: results, attributes }) => ({
          opType: operator,
          domain,
          input: inputs,
          output: results,
          attribute: Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
        })),
        ...outputs.map(({ name, source }) => ({ opType: 'Identity', input: [source.name], output: [name] })),
      ],
      initializer: graph.constants.map(({ value, data }) => encodeTensor(value, data)),
      input: graph.inputs.map((value) => encodeValueInfo(value.name, value)),
      output: outputs.map(({ name, source }) => encodeValueInfo(name, source)),
    },
  }).finish();
}

function encodeAttribute(name: string, value: Attribute): object {
  if (typeof value === 'number') return { name, i: value, type: attributeType.int };
  if (typeof value === 'string') return { name, s: Buffer.from(value), type: attributeType.string };
  if ('float' in value) return { name, f: value.float, type: attributeType.float };
  return { name, ints: value, type: attributeType.ints };
}

function encodeTensor(value: Value, data: TensorData): object {
  return {
    name: value.name,
    dims: value.shape,
    dataType: onnxType[value.type],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function encodeValueInfo(name: string, { type, shape }: Value): object {
  const dim = shape.map((dimension) =>
    typeof dimension === 'number' ? { dimValue: dimension } : { dimParam: dimension },
  );
  return { name, type: { tensorType: { elemType: onnxType[type], shape: { dim } } } };
}
