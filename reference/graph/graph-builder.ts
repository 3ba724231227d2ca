// Builds an ONNX model node by node and serializes it; weights stay in the checkpoint's files as external data.
// Source: onnx.proto (ModelProto, GraphProto); operators of opset 23.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../onnx/onnx_pb.generated.ts';
import {
  type Attribute,
  type Axis,
  type ElementType,
  type ExternalTensor,
  externalTensorProto,
  nodeProto,
  valueInfoProto,
} from '../onnx/protos.ts';

export type { Axis } from '../onnx/protos.ts';

/** Name of a tensor that flows along an edge of the graph. */
export type Value = string;

/** The first opset with RMSNormalization, RotaryEmbedding and Attention. */
const OPSET = 23n;
/** The IR version that came with it. */
const IR_VERSION = 11n;

/** What a graph and its branches share: initializers, and numbers that keep their values' names apart. */
interface Scope {
  readonly graph: GraphProto;
  readonly constants: Set<Value>;
  valueCount: number;
}

/** Collects nodes; the order in which they are added is a valid order of execution. */
export class GraphBuilder {
  readonly #graph: GraphProto;
  readonly #scope: Scope;

  constructor(name: string, scope?: Scope) {
    this.#graph = create(GraphProtoSchema, { name });
    this.#scope = scope ?? { graph: this.#graph, constants: new Set(), valueCount: 0 };
  }

  input(name: string, elementType: ElementType, shape: readonly Axis[]): Value {
    this.#graph.input.push(valueInfoProto(name, elementType, shape));
    return name;
  }

  /** Makes a value an output of the graph under `name`. */
  output(name: string, value: Value, elementType: ElementType, shape: readonly Axis[]): void {
    this.#graph.node.push(nodeProto('Identity', [value], [name], {}));
    this.#graph.output.push(valueInfoProto(name, elementType, shape));
  }

  /** Adds a node with one output. An empty input name leaves an optional input out. */
  node(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const name = this.#newName(operator);
    this.#graph.node.push(nodeProto(operator, inputs, [name], attributes));
    return name;
  }

  /** Adds a node with `outputs` outputs. */
  nodes(
    operator: string,
    inputs: readonly Value[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly Value[] {
    const names = Array.from({ length: outputs }, () => this.#newName(operator));
    this.#graph.node.push(nodeProto(operator, inputs, names, attributes));
    return names;
  }

  /** States what a value is where the runtime cannot infer its shape. */
  declare(value: Value, elementType: ElementType, shape: readonly Axis[]): Value {
    this.#graph.valueInfo.push(valueInfoProto(value, elementType, shape));
    return value;
  }

  cast(value: Value, to: ElementType): Value {
    return this.node('Cast', [value], { to: TensorProto_DataType[to] });
  }

  /** float32 of a shape without elements. */
  empty(shape: readonly number[]): Value {
    return this.node('ConstantOfShape', [this.int64(shape)]);
  }

  external(tensor: ExternalTensor): Value {
    this.#graph.initializer.push(externalTensorProto(tensor));
    return tensor.name;
  }

  /** A constant of rank 1. */
  int64(values: readonly number[]): Value {
    return this.#constant(`int64[${values}]`, {
      dataType: TensorProto_DataType.INT64,
      dims: [BigInt(values.length)],
      int64Data: values.map(BigInt),
    });
  }

  /** A constant of rank 0. */
  int64Scalar(value: number): Value {
    return this.#constant(`int64 ${value}`, { dataType: TensorProto_DataType.INT64, int64Data: [BigInt(value)] });
  }

  /** A constant of rank 0, rounded to float32. */
  float(value: number): Value {
    return this.#constant(`float ${value}`, { dataType: TensorProto_DataType.FLOAT, floatData: [value] });
  }

  /** The whole model as protobuf bytes. */
  toBytes(): Uint8Array {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: 'qwen-pcc',
      opsetImport: [{ domain: '', version: OPSET }],
      graph: this.#graph,
    });
    return toBinary(ModelProtoSchema, model);
  }

  /**
   * Values that one of `branches` makes: the one whose number the int64 scalar `index` is. Only that one is run.
   *
   * @param make - adds a branch's nodes and gives its results, as many float32 tensors as there are `shapes`.
   */
  choose(
    index: Value,
    branches: number,
    shapes: readonly (readonly Axis[])[],
    make: (branch: GraphBuilder, number: number) => readonly Value[],
  ): readonly Value[] {
    const branch = (first: number, end: number): GraphProto => {
      const inner = new GraphBuilder(this.#newName('branch'), this.#scope);
      const values = end - first === 1 ? make(inner, first) : inner.#half(first, end, index, shapes.length, branch);
      shapes.forEach((shape, i) => {
        inner.output(inner.#newName('result'), values[i]!, 'FLOAT', shape);
      });
      return inner.#graph;
    };
    return this.#half(0, branches, index, shapes.length, branch);
  }

  #half(
    first: number,
    end: number,
    index: Value,
    outputs: number,
    branch: (first: number, end: number) => GraphProto,
  ): readonly Value[] {
    const middle = (first + end) >> 1;
    const isBefore = this.node('Less', [index, this.int64Scalar(middle)]);
    return this.nodes('If', [isBefore], outputs, {
      then_branch: { graph: branch(first, middle) },
      else_branch: { graph: branch(middle, end) },
    });
  }

  #newName(operator: string): Value {
    return `${operator}.${this.#scope.valueCount++}`;
  }

  /** Equal constants are one initializer. */
  #constant(name: Value, { dataType, dims = [], int64Data = [], floatData = [] }: ConstantFields): Value {
    const { constants, graph } = this.#scope;
    if (!constants.has(name)) {
      constants.add(name);
      graph.initializer.push(create(TensorProtoSchema, { name, dataType, dims, int64Data, floatData }));
    }
    return name;
  }
}

type ConstantFields = Pick<TensorProto, 'dataType'> & Partial<Pick<TensorProto, 'dims' | 'int64Data' | 'floatData'>>;
