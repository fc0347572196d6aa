/**
 * Stochastic gradient descent as PyTorch defines it, with the estimate in the gradient's place:
 *
 *     g ← g + λ·θ          weight decay, unless decoupled (`weight-decay.ts`)
 *     b ← m·b + g          momentum, b = 0 before the first step
 *     g ← g + m·b          Nesterov; otherwise g ← b
 *     θ ← θ − lr·g
 */
import { checkOptions, rule } from '../check.ts'
import { requireLengths } from './state.ts'
import { decay, share, type WeightDecay, weightDecayShape } from './weight-decay.ts'

/** Settings of SGD. */
export interface Sgd extends WeightDecay {
  /** m, in [0, 1). */
  readonly momentum: number
  /** Look ahead along the momentum; has no effect at momentum 0. */
  readonly nesterov: boolean
}

/** b. */
export type SgdState = {
  /** b, one number per parameter. */
  readonly momentum: Float32Array
}

/** The settings of SGD as data: `sgd({ momentum: 0.9 })`. */
export function sgd(options: { readonly [K in keyof Sgd]?: Sgd[K] | undefined } = {}): Sgd {
  checkOptions(options, { momentum: share, nesterov: rule.boolean(), ...weightDecayShape })
  const { momentum = 0, nesterov = false, weightDecay = 0, decoupledWeightDecay = false } = options
  return { momentum, nesterov, weightDecay, decoupledWeightDecay }
}

/** State before the first step for `count` parameters. */
export function sgdState(count: number): SgdState {
  return { momentum: new Float32Array(count) }
}

/**
 * One step, in place: moves `parameters` and `state`.
 * @param parameters flat, float32
 * @param gradient as long as `parameters`; 0 where there is no estimate
 * @param lr learning rate of this step
 * @param active parameters to touch; all without it, so that momentum and weight decay also move those with gradient 0
 */
export function sgdStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: SgdState,
  lr: number,
  settings: Sgd,
  active?: Uint32Array,
): void {
  requireLengths(parameters.length, gradient, state)
  const { momentum, nesterov } = settings
  const { penalty, keep } = decay(settings, lr)
  const buffer = state.momentum
  const count = active?.length ?? parameters.length
  for (let k = 0; k < count; k++) {
    const i = active ? active[k]! : k
    const theta = parameters[i]!
    const g = gradient[i]! + penalty * theta
    const b = momentum * buffer[i]! + g
    buffer[i] = b
    parameters[i] = keep * theta - lr * (nesterov ? g + momentum * b : b)
  }
}
