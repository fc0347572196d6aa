/**
 * Each op of a network in ONNX operators. Padding, pooling and upsampling are PyTorch's in both; what ONNX leaves open is
 * written out: averages count the padding, nearest-neighbour upsampling takes pixel ⌊i/scale⌋.
 */
import { refusal } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import type { OpSpec } from '../native.ts'
import type { Graph, GraphValue } from './graph.ts'
import type { OnnxAttribute } from './proto.ts'

/** What an op is told of its surroundings. */
export interface OpContext {
  readonly graph: Graph
  readonly op: OpSpec
  readonly inputs: readonly GraphValue[]
  /** Channels of the first input. */
  readonly channels: number
  /** Name for the value that the op makes. */
  readonly output: string
  /** Whether the network has this parameter or buffer of the op. */
  has(role: string): boolean
  /** Name of a parameter or buffer of the op, as a tensor of the graph. */
  tensor(role: string): string
}

type Attributes = Readonly<Record<string, OnnxAttribute>>
type Converter = (context: OpContext) => GraphValue

const numberOf = ({ op, name, ...attributes }: OpSpec, key: string): number => {
  const value = attributes[key]
  if (typeof value !== 'number') throw refusal(`${op} ${name}: ${key}`, 'a number', value, 'ERR_NETWORK')
  return value
}

const pairOf = ({ op, name, ...attributes }: OpSpec, key: string): readonly [number, number] => {
  const value = attributes[key] as unknown
  if (Array.isArray(value) && value.length === 2) return [value[0], value[1]]
  throw refusal(`${op} ${name}: ${key}`, 'height and width', value, 'ERR_NETWORK')
}

/** Window, step and padding of a convolution or pool; rows above, columns before, rows below, columns behind. */
function windowOf(op: OpSpec): Attributes {
  const padding = pairOf(op, 'padding')
  return {
    kernel_shape: { ints: pairOf(op, 'kernel') },
    strides: { ints: pairOf(op, 'stride') },
    pads: { ints: [...padding, ...padding] },
  }
}

/** An op that ONNX has as well, on images. */
const onImage =
  (operator: string, attributes: (op: OpSpec) => Attributes = () => ({})): Converter =>
  ({ graph, op, inputs: [x], output }) => ({
    name: graph.add(operator, output, [graph.image(x!)], attributes(op)),
    rank: 4,
  })

/** A function of each element. */
const elementwise =
  (operator: string, attributes: (op: OpSpec) => Attributes = () => ({})): Converter =>
  ({ graph, op, inputs: [x], output }) => ({
    name: graph.add(operator, output, [x!.name], attributes(op)),
    rank: x!.rank,
  })

/** An op of several values, which must all be images or all be flat. */
const together =
  (operator: string, attributes: Attributes = {}): Converter =>
  ({ graph, inputs, output }) => {
    const rank = inputs.every((x) => x.rank === 2) ? 2 : 4
    const names = inputs.map((x) => (rank === 2 ? x.name : graph.image(x)))
    return { name: graph.add(operator, output, names, attributes), rank }
  }

const withBias = ({ has, tensor }: OpContext): string[] => [
  tensor('weight'),
  ...(has('bias') ? [tensor('bias')] : []),
]

/** Every stride-th row and column, then zeros in front of and behind the channels. */
function shortcutA({ graph, op, inputs: [x], channels, output }: OpContext): GraphValue {
  const stride = numberOf(op, 'stride')
  const zeros = (numberOf(op, 'out') - channels) / 2
  let value = graph.image(x!)
  if (stride > 1) {
    const list = (what: string, values: number[]): string => graph.integers(`${op.name}/${what}`, values)
    value = graph.add('Slice', zeros > 0 ? `${op.name}/slice` : output, [
      value,
      list('starts', [0, 0]),
      // Beyond any image.
      list('ends', [2 ** 31 - 1, 2 ** 31 - 1]),
      list('axes', [2, 3]),
      list('steps', [stride, stride]),
    ])
  }
  if (zeros > 0) {
    const pads = graph.integers(`${op.name}/pads`, [0, zeros, 0, 0, 0, zeros, 0, 0])
    value = graph.add('Pad', output, [value, pads], { mode: { string: 'constant' } })
  }
  return { name: stride > 1 || zeros > 0 ? value : graph.add('Identity', output, [value]), rank: 4 }
}

const converters: Readonly<Record<string, Converter>> = {
  conv2d: (context) => {
    const { graph, op, inputs, output } = context
    const names = [graph.image(inputs[0]!), ...withBias(context)]
    return { name: graph.add('Conv', output, names, windowOf(op)), rank: 4 }
  },
  linear: (context) => {
    const { graph, inputs, output } = context
    const names = [graph.flat(inputs[0]!), ...withBias(context)]
    return { name: graph.add('Gemm', output, names, { transB: { int: 1 } }), rank: 2 }
  },
  batchNorm2d: ({ graph, op, inputs: [x], output, tensor }) => {
    const names = [x!.name, ...['weight', 'bias', 'running_mean', 'running_var'].map(tensor)]
    const attributes = { epsilon: { float: numberOf(op, 'eps') } }
    return { name: graph.add('BatchNormalization', output, names, attributes), rank: x!.rank }
  },
  relu: elementwise('Relu'),
  leakyRelu: elementwise('LeakyRelu', (op) => ({ alpha: { float: numberOf(op, 'slope') } })),
  tanh: elementwise('Tanh'),
  sigmoid: elementwise('Sigmoid'),
  add: together('Add'),
  concat: together('Concat', { axis: { int: 1 } }),
  shortcutA,
  maxPool2d: onImage('MaxPool', windowOf),
  avgPool2d: onImage('AveragePool', (op) => ({ ...windowOf(op), count_include_pad: { int: 1 } })),
  globalAvgPool: onImage('GlobalAveragePool'),
  upsample2d: ({ graph, op, inputs: [x], output }) => {
    const scale = numberOf(op, 'scale')
    const scales = graph.constant(`${op.name}/scales`, [4], [1, 1, scale, scale])
    const attributes = {
      mode: { string: 'nearest' },
      coordinate_transformation_mode: { string: 'asymmetric' },
      nearest_mode: { string: 'floor' },
    }
    return { name: graph.add('Resize', output, [graph.image(x!), '', scales], attributes), rank: 4 }
  },
}

/** Adds the nodes of an op; gives the value that it makes. */
export function convertOp(context: OpContext): GraphValue {
  const { op, name } = context.op
  const convert = Object.hasOwn(converters, op) ? converters[op] : undefined
  if (convert === undefined) throw new DeepZeroError('ERR_NETWORK', `${op} ${name}: has no form in ONNX`)
  return convert(context)
}
