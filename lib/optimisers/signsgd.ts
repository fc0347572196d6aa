/**
 * signSGD, and with momentum Signum (Bernstein, Wang, Azizzadenesheli and Anandkumar, "signSGD: compressed optimisation
 * for non-convex problems", ICML 2018):
 *
 *     g ← g + λ·θ              weight decay, unless decoupled (`weight-decay.ts`)
 *     b ← m·b + (1 − m)·g      b = 0 before the first step; b = g without momentum
 *     θ ← θ − lr·sign(b)       sign(0) = 0: a parameter without an estimate and without a past stays
 */
import { checkOptions } from '../check.ts'
import { requireLengths } from './state.ts'
import { decay, share, type WeightDecay, weightDecayShape } from './weight-decay.ts'

/** Settings of signSGD. */
export interface SignSgd extends WeightDecay {
  /** m, in [0, 1); 0 is signSGD. */
  readonly momentum: number
}

/** b. */
export type SignSgdState = {
  /** b, one number per parameter. */
  readonly momentum: Float32Array
}

/** The settings as data: `signSgd({ momentum: 0.9 })` is Signum. */
export function signSgd(options: { readonly [K in keyof SignSgd]?: SignSgd[K] | undefined } = {}): SignSgd {
  checkOptions(options, { momentum: share, ...weightDecayShape })
  const { momentum = 0, weightDecay = 0, decoupledWeightDecay = false } = options
  return { momentum, weightDecay, decoupledWeightDecay }
}

/** State before the first step for `count` parameters. */
export function signSgdState(count: number): SignSgdState {
  return { momentum: new Float32Array(count) }
}

/** One step, in place; arguments as those of `sgdStep`. */
export function signSgdStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: SignSgdState,
  lr: number,
  settings: SignSgd,
  active?: Uint32Array,
): void {
  requireLengths(parameters.length, gradient, state)
  const { momentum } = settings
  const { penalty, keep } = decay(settings, lr)
  const buffer = state.momentum
  const count = active?.length ?? parameters.length
  for (let k = 0; k < count; k++) {
    const i = active ? active[k]! : k
    const theta = parameters[i]!
    const b = momentum * buffer[i]! + (1 - momentum) * (gradient[i]! + penalty * theta)
    buffer[i] = b
    parameters[i] = keep * theta - lr * Math.sign(b)
  }
}
