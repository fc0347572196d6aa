/**
 * Adam (Kingma and Ba, ICLR 2015) as PyTorch defines it:
 *
 *     g ← g + λ·θ                       weight decay, unless decoupled (`weight-decay.ts`), which makes it AdamW
 *     m ← β₁·m + (1 − β₁)·g             first moment
 *     v ← β₂·v + (1 − β₂)·g²            second moment
 *     θ ← θ − lr·m̂ / (√v̂ + ε),          m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
 *
 * t counts the updates of each parameter by itself: with `active`, one that is queried for the first time late in a run
 * has its moments corrected as any other in its first step.
 */
import { checkOptions, rule } from '../check.ts'
import { type OptimiserState, requireLengths } from './state.ts'
import { decay, share, type WeightDecay, weightDecayShape } from './weight-decay.ts'

/** Settings of Adam and AMSGrad. */
export interface Adam extends WeightDecay {
  /** β₁, in [0, 1). */
  readonly beta1: number
  /** β₂, in [0, 1). */
  readonly beta2: number
  /** ε > 0. */
  readonly epsilon: number
}

/** m, v and t of each parameter. */
export type AdamState = {
  /** Running mean of the gradient. */
  readonly first: Float32Array
  /** Running mean of its square. */
  readonly second: Float32Array
  /** How often each coordinate was updated. */
  readonly updates: Uint32Array
}

/** PyTorch's. */
export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/** The settings of Adam as data, with PyTorch's defaults. */
export function adam(options: { readonly [K in keyof Adam]?: Adam[K] | undefined } = {}): Adam {
  checkOptions(options, {
    beta1: share,
    beta2: share,
    epsilon: rule.number({ above: 0 }),
    ...weightDecayShape,
  })
  const {
    beta1 = adamDefaults.beta1,
    beta2 = adamDefaults.beta2,
    epsilon = adamDefaults.epsilon,
    weightDecay = 0,
    decoupledWeightDecay = false,
  } = options
  return { beta1, beta2, epsilon, weightDecay, decoupledWeightDecay }
}

/** State before the first step for `count` parameters. */
export function adamState(count: number): AdamState {
  return {
    first: new Float32Array(count),
    second: new Float32Array(count),
    updates: new Uint32Array(count),
  }
}

/** One step, in place; arguments as those of `sgdStep`. */
export function adamStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: AdamState,
  lr: number,
  settings: Adam,
  active?: Uint32Array,
): void {
  adaptiveStep(parameters, gradient, state, lr, settings, active, (_, v) => v)
}

/** The step of Adam and its kin: `scale(i, v)` is what takes the second moment's place in the denominator. */
export function adaptiveStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: AdamState & OptimiserState,
  lr: number,
  settings: Adam,
  active: Uint32Array | undefined,
  scale: (i: number, v: number) => number,
): void {
  requireLengths(parameters.length, gradient, state)
  const { beta1, beta2, epsilon } = settings
  const { penalty, keep } = decay(settings, lr)
  const { first, second, updates } = state
  const count = active?.length ?? parameters.length
  // The corrections of t updates; neighbours mostly have as many.
  let t = 0
  let correction1 = 0
  let correction2 = 0
  for (let k = 0; k < count; k++) {
    const i = active ? active[k]! : k
    const theta = parameters[i]!
    const g = gradient[i]! + penalty * theta
    const m = beta1 * first[i]! + (1 - beta1) * g
    const v = beta2 * second[i]! + (1 - beta2) * g * g
    const done = updates[i]! + 1
    if (done !== t) {
      t = done
      correction1 = 1 - beta1 ** t
      correction2 = 1 - beta2 ** t
    }
    first[i] = m
    second[i] = v
    updates[i] = t
    const denominator = Math.sqrt(scale(i, v) / correction2) + epsilon
    parameters[i] = keep * theta - (lr * (m / correction1)) / denominator
  }
}
