import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { type ModelProto, ModelProtoSchema, TensorProto_DataLocation } from '../onnx/onnx_pb.generated.ts';
import { GraphBuilder } from './graph-builder.ts';

function decoded(build: (builder: GraphBuilder) => void): ModelProto {
  const builder = new GraphBuilder('test');
  build(builder);
  return fromBinary(ModelProtoSchema, builder.toBytes());
}

describe('a built graph', () => {
  it('is a model of opset 23 that says who made it', () => {
    const model = decoded(() => {});
    expect(model.producerName).toBe('qwen-pcc');
    expect(model.opsetImport.map(({ domain, version }) => ({ domain, version }))).toEqual([
      { domain: '', version: 23n },
    ]);
  });

  it('keeps nodes in the order of their making, with inputs, outputs and attributes', () => {
    const { graph } = decoded((builder) => {
      const x = builder.input('x', 'FLOAT', ['P', 4]);
      const [low, high] = builder.nodes('Split', [x, builder.int64([2, 2])], 2, { axis: -1 });
      builder.output('sum', builder.node('RMSNormalization', [low!, high!], { epsilon: { float: 0.5 } }), 'FLOAT', [
        'P',
        2,
      ]);
    });
    expect(graph!.node.map(({ opType }) => opType)).toEqual(['Split', 'RMSNormalization', 'Identity']);
    const [split, norm, identity] = graph!.node;
    expect(norm!.input).toEqual(split!.output);
    expect(norm!.attribute.map(({ name, f }) => [name, f])).toEqual([['epsilon', 0.5]]);
    expect(split!.attribute.map(({ name, i }) => [name, i])).toEqual([['axis', -1n]]);
    expect(identity!.output).toEqual(['sum']);
    expect(graph!.output.map(({ name }) => name)).toEqual(['sum']);
  });

  it('states the shape of a declared value', () => {
    const { graph } = decoded((builder) => {
      const negated = builder.node('Neg', [builder.input('x', 'FLOAT', ['P', 4])]);
      expect(builder.declare(negated, 'FLOAT', [3, 4])).toBe(negated);
    });
    expect(graph!.valueInfo.map(({ name }) => name)).toEqual([graph!.node[0]!.output[0]]);
    const { value } = graph!.valueInfo[0]!.type!;
    const dims = value.case === 'tensorType' ? value.value.shape!.dim.map((dim) => dim.value.value) : [];
    expect(dims).toEqual([3n, 4n]);
  });

  it('holds equal constants once', () => {
    const { graph } = decoded((builder) => {
      expect(builder.int64([1, 2])).toBe(builder.int64([1, 2]));
      expect(builder.int64([1])).not.toBe(builder.int64Scalar(1));
      builder.float(-Infinity);
    });
    expect(graph!.initializer.map(({ dims }) => dims)).toEqual([[2n], [1n], [], []]);
    expect(graph!.initializer.at(-1)!.floatData).toEqual([-Infinity]);
  });

  it('points to a tensor in a file instead of holding it', () => {
    const { graph } = decoded((builder) => {
      builder.external({
        name: 'w',
        elementType: 'BFLOAT16',
        shape: [3, 5],
        location: 'a.safetensors',
        offsetBytes: 4_294_967_299,
        lengthBytes: 30,
      });
    });
    const [weight] = graph!.initializer;
    expect(weight!.dataLocation).toBe(TensorProto_DataLocation.EXTERNAL);
    expect(weight!.rawData).toHaveLength(0);
    expect(Object.fromEntries(weight!.externalData.map(({ key, value }) => [key, value]))).toEqual({
      location: 'a.safetensors',
      offset: '4294967299',
      length: '30',
    });
  });
});
