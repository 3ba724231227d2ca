// Makes the protobuf messages of nodes, values and initializers.
// Source: onnx.proto.
import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.generated.ts';

export type ElementType = 'FLOAT' | 'FLOAT16' | 'BFLOAT16' | 'INT64';

/** An axis is a number, or a name where its length is known at run time only. */
export type Axis = number | string;

/** A plain number is ONNX's `int`. */
export type Attribute = number | readonly number[] | { readonly float: number } | { readonly graph: GraphProto };

/** A tensor that lies in a file; `location` is relative to the folder in which the session looks for external data. */
export interface ExternalTensor {
  readonly name: string;
  readonly elementType: ElementType;
  readonly shape: readonly number[];
  readonly location: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export function nodeProto(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
): NodeProto {
  return create(NodeProtoSchema, {
    // Profiles and error messages of the runtime name nodes.
    name: outputs[0]!,
    opType: operator,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  });
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if ('float' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  }
  if ('graph' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g: value.graph });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}

export function valueInfoProto(name: string, elementType: ElementType, shape: readonly Axis[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: TensorProto_DataType[elementType],
          shape: {
            dim: shape.map((axis) => ({
              value:
                typeof axis === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(axis) }
                  : { case: 'dimParam' as const, value: axis },
            })),
          },
        },
      },
    },
  });
}

export function externalTensorProto(tensor: ExternalTensor): TensorProto {
  return create(TensorProtoSchema, {
    name: tensor.name,
    dataType: TensorProto_DataType[tensor.elementType],
    dims: tensor.shape.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: tensor.location },
      { key: 'offset', value: String(tensor.offsetBytes) },
      { key: 'length', value: String(tensor.lengthBytes) },
    ],
  });
}
