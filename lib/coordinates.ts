/**
 * Coordinate sets: which of a network's parameters are queried, as sorted indices into its flat parameter vector.
 *
 * Only the weights of convolution and linear layers are thinned out, each layer to the same ratio (`uniformSparsity`)
 * or to one of its own (`layerWiseRandom`); batch-norm weights and biases and all layer biases are always queried
 * (section 4 of the paper prunes weights). The sparsity of the whole set is therefore a little below the number given.
 */
import { checkOptions, requireNumber, rule } from './check.ts'
import type { NetworkLayout, TensorInfo } from './native.ts'
import { isLayerWeight } from './networks/initialise.ts'
import { type LayerRatios, layerKeep } from './pruning/ratios.ts'
import { Purpose, randomWords } from './random.ts'

/** Every parameter: 0, 1, …, parameterCount − 1. */
export const allCoordinates = (layout: NetworkLayout): Uint32Array => sequence(0, layout.parameterCount)

/** What decides a draw of coordinates. */
export interface DrawOptions {
  /** 0 by default. */
  readonly seed?: number | undefined
  /** Number of the refresh, from 0; every draw is independent of the others. 0 by default. */
  readonly draw?: number | undefined
}

/** How many of a layer's `size` weights a sparsity s keeps: round((1 − s) · size), at least one. */
export const keptOf = (size: number, sparsity: number): number =>
  Math.max(1, Math.round((1 - sparsity) * size))

/**
 * Draws `keptOf(size, sparsity)` of the weights of each convolution and linear layer, uniformly without replacement,
 * and takes all other parameters. Throws ERR_INVALID_ARGUMENT for a sparsity outside [0, 1).
 */
export function uniformSparsity(
  layout: NetworkLayout,
  sparsity: number,
  options: DrawOptions = {},
): Uint32Array {
  requireNumber('sparsity', sparsity, { min: 0, below: 1 })
  return drawn(layout, ({ size }) => keptOf(size, sparsity), options)
}

/**
 * Draws as many of each layer's weights as `ratios` keeps there, uniformly without replacement, and takes all other
 * parameters: a refresh of the active set in section 4 of the paper. Throws ERR_INVALID_ARGUMENT where the ratios do
 * not fit the layout. With equal counts it is the set of `uniformSparsity`.
 */
export function layerWiseRandom(
  layout: NetworkLayout,
  ratios: LayerRatios,
  options: DrawOptions = {},
): Uint32Array {
  const keep = layerKeep(layout, ratios)
  return drawn(layout, ({ name }) => keep.get(name) as number, options)
}

/**
 * `keep` of each layer's weights at random. Flat index i owns word i of purpose coordinates, stream `draw`; a layer
 * keeps its smallest words (the lower index first where two are equal). So layers and draws are independent, and with
 * one seed and draw a sparser set is contained in a denser one.
 */
function drawn(
  layout: NetworkLayout,
  keep: (tensor: TensorInfo) => number,
  options: DrawOptions,
): Uint32Array {
  checkOptions(options, { seed: rule.integer({ min: 0 }), draw: rule.integer({ min: 0, max: 2 ** 32 - 1 }) })
  const { seed = 0, draw = 0 } = options
  const key = { seed, purpose: Purpose.coordinates, stream: draw }
  return chosen(layout, (tensor) => {
    const { offset, size } = tensor
    const kept = keep(tensor)
    return kept < size ? smallest(randomWords(key, size, offset), kept, offset) : sequence(offset, size)
  })
}

/** The set of what `choose` gives for each layer's weights, sorted, and of all other parameters. */
export function chosen(layout: NetworkLayout, choose: (tensor: TensorInfo) => Uint32Array): Uint32Array {
  return concatenate(
    layout.parameters.map((tensor) =>
      isLayerWeight(tensor) ? choose(tensor) : sequence(tensor.offset, tensor.size),
    ),
  )
}

const sequence = (first: number, count: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => first + i)

/** Positions of the k smallest values plus `first`, in order; of equal values the earlier ones. */
export function smallest(values: Uint32Array | Float64Array, k: number, first: number): Uint32Array {
  const threshold = values.toSorted()[k - 1] as number
  let below = 0
  for (const value of values) if (value < threshold) ++below
  let ties = k - below
  const out = new Uint32Array(k)
  let at = 0
  values.forEach((value, i) => {
    if (value < threshold || (value === threshold && ties-- > 0)) out[at++] = first + i
  })
  return out
}

/** Tensors lie in the flat vector in the layout's order, so the parts are sorted already. */
function concatenate(parts: readonly Uint32Array[]): Uint32Array {
  const out = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
