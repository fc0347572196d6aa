/**
 * Weight decay λ, in one of two forms:
 *
 *     coupled      g ← g + λ·θ              L2 penalty, as a part of the gradient
 *     decoupled    θ ← (1 − lr·λ)·θ − …     beside the step (Loshchilov and Hutter, "Decoupled weight decay
 *                                           regularization", ICLR 2019); in proportion to the rate, as in PyTorch
 *
 * For plain SGD both are the same. An optimiser that normalises its step (signSGD, Adam) takes the penalty's size away
 * in the coupled form: a weight whose gradient is nothing but λ·θ moves by about the whole learning rate.
 */
import { rule } from '../check.ts'

/** Weight decay λ, coupled or beside the step. */
export interface WeightDecay {
  /** λ ≥ 0. */
  readonly weightDecay: number
  /** Whether weight decay acts on the weights alone, past the gradient and its moments. */
  readonly decoupledWeightDecay: boolean
}

/** Rules of an optimiser's options. */
export const weightDecayShape = {
  weightDecay: rule.number({ min: 0 }),
  decoupledWeightDecay: rule.boolean(),
}

/** In [0, 1): momentum, or the decay of a moment. */
export const share = rule.number({ min: 0, below: 1 })

/** A step as θ ← keep·θ − lr·u(g + penalty·θ), where u is the optimiser's. */
export function decay(
  { weightDecay, decoupledWeightDecay }: WeightDecay,
  lr: number,
): { readonly penalty: number; readonly keep: number } {
  return decoupledWeightDecay ? { penalty: 0, keep: 1 - lr * weightDecay } : { penalty: weightDecay, keep: 1 }
}
