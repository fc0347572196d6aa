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
 * An op's parameters are called after it, as in PyTorch: `conv1.weight`, `bn1.bias`, `bn1.running_mean`.
 */
import { requireInteger } from '../check.ts'
import { fromNative } from '../errors.ts'
import { type NetworkLayout, type NetworkSpec, native, type OpSpec } from '../native.ts'
import { initialBuffers, initialParameters } from './initialise.ts'

/** A network with weights. The engine copies the vectors when a session is made; they belong to the caller. */
export interface Network {
  readonly spec: NetworkSpec
  readonly layout: NetworkLayout
  /** All weights and biases, flat, in the order of `layout.parameters`. */
  readonly parameters: Float32Array
  /** All running means and variances, flat, in the order of `layout.buffers`. */
  readonly buffers: Float32Array
}

/** An earlier value of the network under construction: the name of the op that makes it, or `'input'`. */
export type Value = string

/** Height and width, or one number for both. */
export type Pair = number | readonly [number, number]

const pair = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value)

export interface Conv2dOptions {
  readonly out: number
  readonly kernel: Pair
  /** 1 by default. */
  readonly stride?: Pair
  /** 0 by default. */
  readonly padding?: Pair
  /** Off by default (batch norm follows as a rule). */
  readonly bias?: boolean
}

export interface NetworkBuilder {
  readonly input: Value
  conv2d(name: string, x: Value, options: Conv2dOptions): Value
  /** eps 1e-5 and momentum 0.1 by default, as in PyTorch. */
  batchNorm2d(name: string, x: Value, options?: { eps?: number; momentum?: number }): Value
  relu(name: string, x: Value): Value
  /** The sum of two values of the same shape. */
  add(name: string, a: Value, b: Value): Value
  /** Every `stride`-th row and column, and (out − in) / 2 channels of zeros on both sides (He et al., option A). */
  shortcutA(name: string, x: Value, options: { out: number; stride: number }): Value
  /** Stride: as the kernel by default; padding 0. */
  maxPool2d(name: string, x: Value, options: { kernel: Pair; stride?: Pair; padding?: Pair }): Value
  /** [C, H, W] to [C, 1, 1]. */
  globalAvgPool(name: string, x: Value): Value
  /** Flattens its input; with bias by default. */
  linear(name: string, x: Value, options: { out: number; bias?: boolean }): Value
  /** The list of ops so far. */
  spec(): NetworkSpec
  /**
   * Compiles the ops and draws weights (`initialise.ts`). Throws ERR_NETWORK for unknown inputs and double names,
   * ERR_SHAPE with the op's name where shapes do not fit.
   */
  build(options: { seed: number }): Network
}

/** Starts a network on images of the given shape. The op added last is the output; the loss is cross-entropy. */
export function networkBuilder(name: string, input: readonly [number, number, number]): NetworkBuilder {
  const ops: OpSpec[] = []
  const add = (op: OpSpec): Value => {
    ops.push(op)
    return op.name
  }
  const spec = (): NetworkSpec => ({
    format: 'deepzero-network/1',
    name,
    input: [...input],
    ops: [...ops],
    loss: 'crossEntropy',
  })
  return {
    input: 'input',
    conv2d: (name, x, { out, kernel, stride = 1, padding = 0, bias = false }) =>
      add({
        op: 'conv2d',
        name,
        inputs: [x],
        out,
        kernel: pair(kernel),
        stride: pair(stride),
        padding: pair(padding),
        bias,
      }),
    batchNorm2d: (name, x, { eps = 1e-5, momentum = 0.1 } = {}) =>
      add({ op: 'batchNorm2d', name, inputs: [x], eps, momentum }),
    relu: (name, x) => add({ op: 'relu', name, inputs: [x] }),
    add: (name, a, b) => add({ op: 'add', name, inputs: [a, b] }),
    shortcutA: (name, x, { out, stride }) => add({ op: 'shortcutA', name, inputs: [x], out, stride }),
    maxPool2d: (name, x, { kernel, stride = kernel, padding = 0 }) =>
      add({
        op: 'maxPool2d',
        name,
        inputs: [x],
        kernel: pair(kernel),
        stride: pair(stride),
        padding: pair(padding),
      }),
    globalAvgPool: (name, x) => add({ op: 'globalAvgPool', name, inputs: [x] }),
    linear: (name, x, { out, bias = true }) => add({ op: 'linear', name, inputs: [x], out, bias }),
    spec,
    build: ({ seed }) => initialNetwork(spec(), seed),
  }
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
