/**
 * Batch norm with running statistics as a part of the convolution or linear layer in front of it. Per output channel, with
 * mean m, variance v, scale γ and shift β, in float64 and rounded once:
 *
 *     s = γ/√(v + ε),   W' = s·W,   b' = β + s·(b − m)
 *
 * so that the network has fewer ops and the same outputs to rounding. For inference alone: nothing is left that could take
 * the statistics of a batch.
 */
import type { OpSpec, TensorInfo } from '../native.ts'
import { describeNetwork, type Network } from './network.ts'

/** Where a parameter or buffer lies in the network's flat vectors. */
function tensorOf({ layout, parameters, buffers }: Network, name: string): Float32Array | undefined {
  const slice = (infos: readonly TensorInfo[], values: Float32Array): Float32Array | undefined => {
    const info = infos.find((one) => one.name === name)
    return info && values.subarray(info.offset, info.offset + info.size)
  }
  return slice(layout.parameters, parameters) ?? slice(layout.buffers, buffers)
}

/** The batch norms that can be folded, by name, each with the layer in front of it, which nothing else reads. */
function foldable(ops: readonly OpSpec[]): Map<string, OpSpec> {
  const readers = (name: string): number => ops.filter(({ inputs }) => inputs.includes(name)).length
  const pairs = ops.flatMap((op): [string, OpSpec][] => {
    const before = ops.find(({ name }) => name === op.inputs[0])
    return op.op === 'batchNorm2d' &&
      before !== undefined &&
      /^(conv2d|linear)$/.test(before.op) &&
      readers(before.name) === 1
      ? [[op.name, before]]
      : []
  })
  return new Map(pairs)
}

/** Weight and bias of a layer with the batch norm behind it. */
function folded(network: Network, layer: string, { name, eps }: OpSpec): [Float32Array, Float32Array] {
  const of = (tensor: string): Float32Array => tensorOf(network, tensor)!
  const [gamma, beta] = [of(`${name}.weight`), of(`${name}.bias`)]
  const [mean, variance] = [of(`${name}.running_mean`), of(`${name}.running_var`)]
  const [weight, bias] = [of(`${layer}.weight`), tensorOf(network, `${layer}.bias`)]
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c]! + (eps as number)))
  const perChannel = weight.length / scale.length
  return [
    weight.map((w, i) => scale[Math.floor(i / perChannel)]! * w),
    Float32Array.from(scale, (s, c) => beta[c]! + s * ((bias?.[c] ?? 0) - mean[c]!)),
  ]
}

/** The same function with the batch norms folded that directly follow a layer; the network itself stays as it is. */
export function foldBatchNorm(network: Network): Network {
  const { spec } = network
  const pairs = foldable(spec.ops)
  const layers = new Set([...pairs.values()].map(({ name }) => name))
  const weights = new Map<string, Float32Array>()
  // The layer takes the place of its batch norm, which may be the last op, and keeps its own name.
  const ops = spec.ops.flatMap((op): OpSpec[] => {
    if (layers.has(op.name)) return []
    const layer = pairs.get(op.name)
    const inputs = (layer ?? op).inputs.map((input) => pairs.get(input)?.name ?? input)
    if (layer === undefined) return [{ ...op, inputs }]
    const [weight, bias] = folded(network, layer.name, op)
    weights.set(`${layer.name}.weight`, weight).set(`${layer.name}.bias`, bias)
    return [{ ...layer, inputs, bias: true }]
  })
  const newSpec = { ...spec, ops }
  const layout = describeNetwork(newSpec)
  const gather = (infos: readonly TensorInfo[], count: number): Float32Array => {
    const all = new Float32Array(count)
    for (const { name, offset } of infos) all.set(weights.get(name) ?? tensorOf(network, name)!, offset)
    return all
  }
  return {
    spec: newSpec,
    layout,
    parameters: gather(layout.parameters, layout.parameterCount),
    buffers: gather(layout.buffers, layout.bufferCount),
  }
}
