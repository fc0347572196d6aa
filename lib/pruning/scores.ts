/**
 * Scores of weights, flat, 0 outside the weights of convolution and linear layers. Larger scores are kept.
 *
 *     magnitude   |θ|
 *     SNIP        |θ ⊙ ĝ|                 Lee, Ajanthan and Torr, "SNIP", ICLR 2019
 *     GraSP       |θ ⊙ Hg| or θ ⊙ Hg      Wang, Zhang and Grosse, "Picking winning tickets before training", ICLR 2020
 *     random      uniform words
 *
 * GraSP asks how the squared norm of the gradient, ‖g‖², changes when a weight is removed: by −2·θᵢ·(Hg)ᵢ to first
 * order. Its S = −θ ⊙ Hg is positive for weights whose removal raises the gradient's norm, and Algorithm 1 there
 * removes the largest S: what is kept has the smallest S, whose removal would cost most. Ranked by sign (`signed`) a
 * weight is therefore kept by θ ⊙ Hg = −S. The code of the DeepZero paper keeps the largest |S| (`magnitude`).
 */
import type { NetworkLayout } from '../native.ts'
import { Purpose, randomWords } from '../random.ts'
import { PRUNING_STREAM } from './images.ts'
import { layerWeights } from './ratios.ts'

export const rankings = ['magnitude', 'signed'] as const
export type Ranking = (typeof rankings)[number]

function scoresOf(layout: NetworkLayout, score: (i: number) => number): Float64Array {
  const scores = new Float64Array(layout.parameterCount)
  for (const { offset, size } of layerWeights(layout))
    for (let i = offset; i < offset + size; ++i) scores[i] = score(i)
  return scores
}

type Vector = ArrayLike<number>

/** |θ ⊙ Hg|, or θ ⊙ Hg when ranked by sign. */
export const graspScores = (
  layout: NetworkLayout,
  theta: Vector,
  product: Vector,
  ranking: Ranking,
): Float64Array =>
  scoresOf(layout, (i) => {
    const score = (theta[i] as number) * (product[i] as number)
    return ranking === 'signed' ? score : Math.abs(score)
  })

/** |θ ⊙ ĝ| */
export const snipScores = (layout: NetworkLayout, theta: Vector, gradient: Vector): Float64Array =>
  scoresOf(layout, (i) => Math.abs((theta[i] as number) * (gradient[i] as number)))

/** |θ| */
export const magnitudeScores = (layout: NetworkLayout, theta: Vector): Float64Array =>
  scoresOf(layout, (i) => Math.abs(theta[i] as number))

/** Word i of purpose coordinates, stream 2^32 − 1, for flat index i. */
export function randomScores(layout: NetworkLayout, seed: number): Float64Array {
  const key = { seed, purpose: Purpose.coordinates, stream: PRUNING_STREAM }
  const words = randomWords(key, layout.parameterCount)
  return scoresOf(layout, (i) => words[i] as number)
}
