/**
 * From scores to layer ratios and masks: of all weights of convolution and linear layers the share 1 − sparsity with
 * the largest scores is kept, whatever the layer; the lower index first where two scores are equal.
 */

import { refusal, requireNumber } from '../check.ts'
import { chosen, smallest } from '../coordinates.ts'
import { DeepZeroError } from '../errors.ts'
import type { NetworkLayout, TensorInfo } from '../native.ts'
import { type LayerRatios, layerKeep, layersOf, layerWeights } from './ratios.ts'

/** One score per parameter, flat; only those of layers' weights are looked at. */
export type Scores = Float32Array | Float64Array

/**
 * How many weights of each layer are among the round((1 − sparsity) · n) largest scores of all n. A layer that would
 * be left empty keeps one weight, and the layer that keeps most gives one up for it, so that the total stays. Throws
 * ERR_INVALID_ARGUMENT when fewer weights than layers would be left, ERR_NOT_FINITE for scores that are no numbers.
 */
export function ratiosFromScores(layout: NetworkLayout, scores: Scores, sparsity: number): LayerRatios {
  const layers = layerWeights(layout)
  const keep = keptInAll(layout, sparsity)
  const order = new Float64Array(layers.reduce((sum, { size }) => sum + size, 0))
  let at = 0
  const ends = layers.map((tensor) => {
    order.set(falling(layout, scores, tensor), at)
    at += tensor.size
    return at
  })
  const counts = new Array<number>(layers.length).fill(0)
  let layer = 0
  for (const i of smallest(order, keep, 0)) {
    while (i >= (ends[layer] as number)) ++layer
    counts[layer]! += 1
  }
  fillEmpty(counts)
  return { layers: layersOf(layout, (i) => counts[i] as number) }
}

/** How many weights a sparsity keeps in all layers together; throws ERR_INVALID_ARGUMENT when fewer than layers. */
export function keptInAll(layout: NetworkLayout, sparsity: number): number {
  requireNumber('sparsity', sparsity, { min: 0, below: 1 })
  const layers = layerWeights(layout)
  const weights = layers.reduce((sum, { size }) => sum + size, 0)
  const keep = Math.round((1 - sparsity) * weights)
  if (keep < layers.length) {
    // Rounded down, so that the number shown is one that works.
    const most = Math.floor((1 - layers.length / weights) * 1e6) / 1e6
    throw refusal(
      'sparsity',
      `at most ${most}, which leaves a weight in each of the ${layers.length} layers (of ${weights} weights ${keep} would be left)`,
      sparsity,
    )
  }
  return keep
}

/** Gives each 0 a 1, taken from the largest count of the moment, the first of equal ones. */
function fillEmpty(counts: number[]): void {
  counts.forEach((count, i) => {
    if (count > 0) return
    counts[counts.indexOf(Math.max(...counts))]! -= 1
    counts[i] = 1
  })
}

/**
 * The weights with the largest scores as a coordinate set, with all batch-norm parameters and biases: as many of each
 * layer as the ratios say, or as `ratiosFromScores` gives for a sparsity.
 */
export function topMask(layout: NetworkLayout, scores: Scores, target: number | LayerRatios): Uint32Array {
  const ratios = typeof target === 'number' ? ratiosFromScores(layout, scores, target) : target
  const keep = layerKeep(layout, ratios)
  return chosen(layout, (tensor) =>
    smallest(falling(layout, scores, tensor), keep.get(tensor.name) as number, tensor.offset),
  )
}

/** A layer's scores with the sign changed: what is kept is smallest. */
function falling(layout: NetworkLayout, scores: Scores, { name, offset, size }: TensorInfo): Float64Array {
  if (scores.length !== layout.parameterCount)
    throw refusal('scores', `${layout.parameterCount} numbers, one per parameter`, scores)
  const out = Float64Array.from(scores.subarray(offset, offset + size), (score) => -score)
  const bad = out.findIndex((score) => !Number.isFinite(score))
  if (bad >= 0)
    throw new DeepZeroError(
      'ERR_NOT_FINITE',
      `scores: expected finite numbers, received ${scores[offset + bad]} for ${name} at element ${bad}`,
    )
  return out
}
