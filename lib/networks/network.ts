/**
 * Networks are data: a list of named ops that the engine compiles. The builder writes such a list, with every
 * attribute spelled out, and `build` adds the engine's layout and the initial weights.
 *
 *     const net = networkBuilder('tiny', [3, 32, 32])
 *     let x = net.conv2d('conv1', net.input, { out: 16, kernel: 3, padding: 1 })
 *     x = net.relu('relu1', net.batchNorm2d('bn1', x))
 *     net.linear('fc', net.globalAvgPool('pool', x), { out: 10 })
 *     const network = net.build({ seed: 1 })
 *
 * The ops, what they compute and how to write a network of one's own: docs/networks.md.
 *
 * An op's parameters are called after it, as in PyTorch: `conv1.weight`, `bn1.bias`, `bn1.running_mean`.
 */
import {
  checkOptions,
  isObject,
  refusal,
  requireInteger,
  requireObject,
  requireString,
  rule,
} from '../check.ts'
import { fromNative, withStackOf } from '../errors.ts'
import { type NetworkLayout, type NetworkSpec, native, type OpSpec } from '../native.ts'
import { initialBuffers, initialParameters } from './initialise.ts'
import { type LossName, lossNames } from './loss.ts'
import {
  type BatchNorm2dOptions,
  type Conv2dOptions,
  type LeakyReluOptions,
  type LinearOptions,
  type OpOptions,
  opOptions,
  type Pair,
  type PoolOptions,
  type ShortcutAOptions,
  type Upsample2dOptions,
} from './op-options.ts'

/** A network with weights. The engine copies the vectors when a session is made; they belong to the caller. */
export interface Network {
  /** The description. */
  readonly spec: NetworkSpec
  /** Shapes and the layout of its flat vectors. */
  readonly layout: NetworkLayout
  /** All weights and biases, flat, in the order of `layout.parameters`. */
  readonly parameters: Float32Array
  /** All running means and variances, flat, in the order of `layout.buffers`. */
  readonly buffers: Float32Array
}

/** An earlier value of the network under construction: the name of the op that makes it, or `'input'`. */
export type Value = string

const pair = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value)

/** Options of `build`. */
export interface BuilderOptions {
  /** `crossEntropy` by default. */
  readonly loss?: LossName | undefined
}

/**
 * Writes a network op by op. Each method takes the name of the new op and the values that it reads, and gives the value
 * that it makes; the op added last is the output. Options that an op does not know are refused at once.
 */
export interface NetworkBuilder {
  /** The images, as the input of the first op. */
  readonly input: Value
  /** Convolution. */
  conv2d(name: string, x: Value, options: Conv2dOptions): Value
  /** Batch norm: each channel by its mean and variance, times a weight, plus a bias. */
  batchNorm2d(name: string, x: Value, options?: BatchNorm2dOptions): Value
  /** max(x, 0). */
  relu(name: string, x: Value): Value
  /** x where it is positive, slope·x elsewhere. */
  leakyRelu(name: string, x: Value, options?: LeakyReluOptions): Value
  /** Hyperbolic tangent. */
  tanh(name: string, x: Value): Value
  /** 1/(1 + exp(−x)) */
  sigmoid(name: string, x: Value): Value
  /** The sum of two values of the same shape. */
  add(name: string, a: Value, b: Value): Value
  /** The channels of a, then those of b; both of one height and width. */
  concat(name: string, a: Value, b: Value): Value
  /** Every `stride`-th row and column, and (out − in) / 2 channels of zeros on both sides (He et al., option A). */
  shortcutA(name: string, x: Value, options: ShortcutAOptions): Value
  /** Largest value of each window. */
  maxPool2d(name: string, x: Value, options: PoolOptions): Value
  /** Padding counts as zeros that are averaged too, as in PyTorch. */
  avgPool2d(name: string, x: Value, options: PoolOptions): Value
  /** Nearest neighbour: every pixel becomes scale×scale of them. */
  upsample2d(name: string, x: Value, options?: Upsample2dOptions): Value
  /** [C, H, W] to [C, 1, 1]. */
  globalAvgPool(name: string, x: Value): Value
  /** Flattens its input. */
  linear(name: string, x: Value, options: LinearOptions): Value
  /** The list of ops so far. */
  spec(): NetworkSpec
  /**
   * Compiles the ops and draws weights (`initialise.ts`). Throws ERR_NETWORK for unknown inputs and double names,
   * ERR_SHAPE where shapes do not fit. The message begins with kind and name of the op, and the stack is that of the
   * line that added it.
   */
  build(options: { seed: number }): Network
}

/** What has a network's description, layout and weights: other things are refused where a network is taken. */
export function requireNetwork(value: unknown, name = 'network'): Network {
  const { spec, layout, parameters } = requireObject(name, value) as Partial<Network>
  if (isObject(spec) && isObject(layout) && parameters instanceof Float32Array) return value as Network
  throw refusal(name, 'a network, as a builder or networkByName makes it', value)
}

/** Starts a network on images of the given shape. */
export function networkBuilder(
  name: string,
  given: readonly [number, number, number],
  options: BuilderOptions = {},
): NetworkBuilder {
  if (!Array.isArray(given) || given.length !== 3)
    throw refusal('input', 'an array of three integers: channels, height and width', given)
  const [channels, height, width] = given as readonly [number, number, number]
  const input = [channels, height, width] as const
  checkOptions(options, { loss: rule.oneOf(lossNames) })
  const { loss = 'crossEntropy' } = options
  const ops: OpSpec[] = []
  /** The stack of the line that added each op. */
  const added: Error[] = []
  /** Adds an op of the kind that the calling method is named for. */
  const add = (op: OpSpec & { readonly op: Exclude<keyof NetworkBuilder, 'input'> }): Value => {
    requireString(`${op.op}: name`, op.name)
    for (const x of op.inputs) requireString(`${op.op} ${op.name}: input`, x)
    const at = new Error()
    Error.captureStackTrace(at, builder[op.op])
    ops.push(op)
    added.push(at)
    return op.name
  }
  const checked = <Kind extends keyof OpOptions>(kind: Kind, opName: string, given: OpOptions[Kind]) => {
    checkOptions(given, opOptions[kind], `${kind} ${opName}`)
    return given
  }
  const pool = (op: 'maxPool2d' | 'avgPool2d', opName: string, x: Value, given: PoolOptions): Value => {
    const { kernel, stride = kernel, padding = 0 } = checked(op, opName, given)
    return add({
      op,
      name: opName,
      inputs: [x],
      ...{ kernel: pair(kernel), stride: pair(stride), padding: pair(padding) },
    })
  }
  const spec = (): NetworkSpec => ({
    format: 'deepzero-network/1',
    name,
    input,
    ops: [...ops],
    loss,
  })
  const builder: NetworkBuilder = {
    input: 'input',
    conv2d(opName, x, given) {
      const { out, kernel, stride = 1, padding = 0, bias = false } = checked('conv2d', opName, given)
      return add({
        op: 'conv2d',
        name: opName,
        inputs: [x],
        out,
        ...{ kernel: pair(kernel), stride: pair(stride), padding: pair(padding) },
        bias,
      })
    },
    batchNorm2d(opName, x, given = {}) {
      const { eps = 1e-5, momentum = 0.1 } = checked('batchNorm2d', opName, given)
      return add({ op: 'batchNorm2d', name: opName, inputs: [x], eps, momentum })
    },
    relu: (opName, x) => add({ op: 'relu', name: opName, inputs: [x] }),
    leakyRelu(opName, x, given = {}) {
      const { slope = 0.01 } = checked('leakyRelu', opName, given)
      return add({ op: 'leakyRelu', name: opName, inputs: [x], slope })
    },
    tanh: (opName, x) => add({ op: 'tanh', name: opName, inputs: [x] }),
    sigmoid: (opName, x) => add({ op: 'sigmoid', name: opName, inputs: [x] }),
    add: (opName, a, b) => add({ op: 'add', name: opName, inputs: [a, b] }),
    concat: (opName, a, b) => add({ op: 'concat', name: opName, inputs: [a, b] }),
    shortcutA(opName, x, given) {
      const { out, stride } = checked('shortcutA', opName, given)
      return add({ op: 'shortcutA', name: opName, inputs: [x], out, stride })
    },
    maxPool2d: (opName, x, given) => pool('maxPool2d', opName, x, given),
    avgPool2d: (opName, x, given) => pool('avgPool2d', opName, x, given),
    upsample2d(opName, x, given = {}) {
      const { scale = 2 } = checked('upsample2d', opName, given)
      return add({ op: 'upsample2d', name: opName, inputs: [x], scale })
    },
    globalAvgPool: (opName, x) => add({ op: 'globalAvgPool', name: opName, inputs: [x] }),
    linear(opName, x, given) {
      const { out, bias = true } = checked('linear', opName, given)
      return add({ op: 'linear', name: opName, inputs: [x], out, bias })
    },
    spec,
    build(given) {
      checkOptions(given, { seed: rule.integer({ min: 0 }) })
      try {
        return initialNetwork(spec(), given.seed)
      } catch (error) {
        throw atItsOp(error, ops, added)
      }
    },
  }
  return builder
}

/** An error of the engine that begins with kind and name of an op, with the stack of the line that added the op. */
function atItsOp(error: unknown, ops: readonly OpSpec[], added: readonly Error[]): unknown {
  if (!(error instanceof Error)) return error
  const index = ops.findLastIndex(({ op, name }) => error.message.startsWith(`${op} ${name}: `))
  const at = added[index]
  return at ? withStackOf(error, at) : error
}

/** Compiles a network description without weights. Throws ERR_NETWORK or ERR_SHAPE. */
export function describeNetwork(spec: NetworkSpec): NetworkLayout {
  try {
    return native.describe(spec)
  } catch (error) {
    throw fromNative(error)
  }
}

/** A network description with initial weights drawn from the seed. */
export function initialNetwork(spec: NetworkSpec, seed: number): Network {
  requireInteger('seed', seed, { min: 0 })
  const layout = describeNetwork(spec)
  return {
    spec,
    layout,
    parameters: initialParameters(layout, seed),
    buffers: initialBuffers(layout),
  }
}
