/**
 * The messages of an ONNX model, as onnx/onnx.proto numbers their fields:
 *
 *     ModelProto      ir_version = 1, producer_name = 2, producer_version = 3, graph = 7, opset_import = 8, metadata_props = 14
 *     GraphProto      node = 1, name = 2, initializer = 5, input = 11, output = 12
 *     NodeProto       input = 1, output = 2, name = 3, op_type = 4, attribute = 5
 *     AttributeProto  name = 1, f = 2, i = 3, s = 4, ints = 8, type = 20 (FLOAT 1, INT 2, STRING 3, INTS 7)
 *     TensorProto     dims = 1, data_type = 2 (FLOAT 1, INT64 7), name = 8, raw_data = 9 (little-endian)
 *     ValueInfoProto  name = 1, type = 2; TypeProto tensor_type = 1: elem_type = 1, shape = 2, each dim = 1:
 *                     dim_value = 1 or dim_param = 2
 */
import {
  concatenate,
  type Fields,
  float,
  integer,
  integers,
  message,
  bytes as raw,
  text,
} from '../protobuf.ts'

const FLOAT = 1
const INT64 = 7

/** A constant tensor of float32 or int64. */
export interface OnnxTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

/** The type of an attribute in JavaScript is not enough: a whole number may be a float. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string }

export interface OnnxNode {
  readonly op: string
  readonly name: string
  /** Names of values and tensors; an empty one leaves an optional input out. */
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes: Readonly<Record<string, OnnxAttribute>>
}

/** A float32 value of the graph; a size that is a word may be any number. */
export interface OnnxValue {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

export interface OnnxModel {
  readonly irVersion: number
  readonly opset: number
  readonly producer: { readonly name: string; readonly version: string }
  readonly metadata: Readonly<Record<string, string>>
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly tensors: readonly OnnxTensor[]
  readonly input: OnnxValue
  readonly output: OnnxValue
}

function attributeFields(name: string, attribute: OnnxAttribute): Fields[] {
  if ('float' in attribute) return [text(1, name), float(2, attribute.float), integer(20, 1)]
  if ('int' in attribute) return [text(1, name), integer(3, attribute.int), integer(20, 2)]
  if ('string' in attribute) return [text(1, name), text(4, attribute.string), integer(20, 3)]
  return [text(1, name), integers(8, attribute.ints), integer(20, 7)]
}

const nodeFields = ({ op, name, inputs, output, attributes }: OnnxNode): Fields[] => [
  ...inputs.map((input) => text(1, input)),
  text(2, output),
  text(3, name),
  text(4, op),
  ...Object.entries(attributes).map(([key, value]) => message(5, attributeFields(key, value))),
]

const tensorFields = ({ name, shape, data }: OnnxTensor): Fields[] => [
  integers(1, shape),
  integer(2, data instanceof Float32Array ? FLOAT : INT64),
  text(8, name),
  raw(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
]

const valueFields = ({ name, shape }: OnnxValue): Fields[] => [
  text(1, name),
  message(2, [
    message(1, [
      integer(1, FLOAT),
      message(
        2,
        shape.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)])),
      ),
    ]),
  ]),
]

const graphFields = ({ nodes, name, tensors, input, output }: OnnxModel): Fields[] => [
  ...nodes.map((node) => message(1, nodeFields(node))),
  text(2, name),
  ...tensors.map((tensor) => message(5, tensorFields(tensor))),
  message(11, valueFields(input)),
  message(12, valueFields(output)),
]

export const encodeModel = (model: OnnxModel): Uint8Array =>
  concatenate([
    integer(1, model.irVersion),
    text(2, model.producer.name),
    text(3, model.producer.version),
    message(7, graphFields(model)),
    // The empty domain is that of ONNX itself.
    message(8, [text(1, ''), integer(2, model.opset)]),
    ...Object.entries(model.metadata).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ])
