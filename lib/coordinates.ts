/**
 * Coordinate sets: which of a network's parameters are queried, as sorted indices into its flat parameter vector.
 *
 * A sparsity thins out the weights of convolution and linear layers only, each to the same ratio; batch-norm weights
 * and biases and all layer biases are always queried (section 4 of the paper prunes weights). The sparsity of the
 * whole set is therefore a little below the number given.
 */
import { checkOptions, requireNumber, rule } from './check.ts'
import type { NetworkLayout } from './native.ts'
import { isLayerWeight } from './networks/initialise.ts'
import { Purpose, randomWords } from './random.ts'

/** Every parameter: 0, 1, …, parameterCount − 1. */
export const allCoordinates = (layout: NetworkLayout): Uint32Array =>
  Uint32Array.from({ length: layout.parameterCount }, (_, i) => i)

export interface DrawOptions {
  /** 0 by default. */
  readonly seed?: number
  /** Number of the refresh, from 0; every draw is independent of the others. 0 by default. */
  readonly draw?: number
}

/** How many of a layer's `size` weights a sparsity s keeps: round((1 − s) · size), at least one. */
export const keptOf = (size: number, sparsity: number): number =>
  Math.max(1, Math.round((1 - sparsity) * size))

/**
 * Draws `keptOf(size, sparsity)` of the weights of each convolution and linear layer, uniformly without replacement,
 * and takes all other parameters. Throws ERR_INVALID_ARGUMENT for a sparsity outside [0, 1).
 *
 * Flat index i owns word i of purpose coordinates, stream `draw`; a layer keeps its smallest words (the lower index
 * first where two are equal). So layers and draws are independent, and with one seed and draw a sparser set is
 * contained in a denser one.
 */
export function uniformSparsity(
  layout: NetworkLayout,
  sparsity: number,
  options: DrawOptions = {},
): Uint32Array {
  requireNumber('sparsity', sparsity, { min: 0, below: 1 })
  checkOptions(options, { seed: rule.integer({ min: 0 }), draw: rule.integer({ min: 0, max: 2 ** 32 - 1 }) })
  const { seed = 0, draw = 0 } = options
  const key = { seed, purpose: Purpose.coordinates, stream: draw }
  const chosen: Uint32Array[] = []
  for (const tensor of layout.parameters) {
    const { offset, size } = tensor
    const kept = isLayerWeight(tensor) ? keptOf(size, sparsity) : size
    const words = kept < size ? randomWords(key, size, offset) : undefined
    chosen.push(words === undefined ? sequence(offset, size) : smallest(words, kept, offset))
  }
  return concatenate(chosen)
}

const sequence = (first: number, count: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => first + i)

/** Positions of the k smallest words plus `first`, in order; of equal words the earlier ones. */
export function smallest(words: Uint32Array, k: number, first: number): Uint32Array {
  const threshold = words.toSorted()[k - 1] as number
  let below = 0
  for (const word of words) if (word < threshold) ++below
  let ties = k - below
  const out = new Uint32Array(k)
  let at = 0
  words.forEach((word, i) => {
    if (word < threshold || (word === threshold && ties-- > 0)) out[at++] = first + i
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
