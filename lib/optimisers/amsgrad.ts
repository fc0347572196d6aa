/**
 * AMSGrad (Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018): Adam whose denominator never
 * shrinks, which is also the update of ZO-AdaMM (Chen et al., NeurIPS 2019) for estimated gradients:
 *
 *     m, v as in Adam (`adam.ts`)
 *     w ← max(w, v)                     w = 0 before the first step
 *     θ ← θ − lr·m̂ / (√ŵ + ε),          m̂ = m/(1 − β₁ᵗ), ŵ = w/(1 − β₂ᵗ)
 *
 * The corrections by t are PyTorch's; the papers leave them out.
 */
import { type Adam, type AdamState, adamState, adaptiveStep } from './adam.ts'

/** m, v, t and w of each parameter. */
export type AmsgradState = AdamState & { readonly largest: Float32Array }

/** State before the first step for `count` parameters. */
export function amsgradState(count: number): AmsgradState {
  return { ...adamState(count), largest: new Float32Array(count) }
}

/** One step, in place; settings as for Adam (`adam()`), arguments as those of `sgdStep`. */
export function amsgradStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: AmsgradState,
  lr: number,
  settings: Adam,
  active?: Uint32Array,
): void {
  const { largest } = state
  adaptiveStep(parameters, gradient, state, lr, settings, active, (i, v) => {
    const w = Math.max(largest[i]!, v)
    largest[i] = w
    return w
  })
}
