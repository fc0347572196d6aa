/**
 * The smoothing step μ of a step, from its number and learning rate alone. With T steps in all:
 *
 *     constant        μ₀
 *     rate            lr of the step: the option `mu: 'lr'`
 *     proportional    μ₀ · lr of the step / lr
 *     geometric       μ₀ · (μ_end/μ₀)^(step/(T − 1))
 *
 * It is never below 1e-7, the least that the option `mu` takes: where a rate ends at 0, μ ends there.
 */

/** Unless another is given, here and wherever differences are asked for. */
export const DEFAULT_MU = 1e-4
/** The smallest μ. */
export const LEAST_MU = 1e-7

/** The smoothing step μ by step, as plain data. */
export type Smoothing =
  | { readonly kind: 'rate' }
  | { readonly kind: 'constant'; readonly mu: number }
  /** `lr`: the rate that the schedule of the learning rate is made for. */
  | { readonly kind: 'proportional'; readonly mu: number; readonly lr: number }
  | { readonly kind: 'geometric'; readonly mu: number; readonly end: number; readonly totalSteps: number }

/** μ of step `step`, counted from 0, whose learning rate is `rate`. */
export function smoothingStep(smoothing: Smoothing, step: number, rate: number): number {
  return Math.max(unbounded(smoothing, step, rate), LEAST_MU)
}

function unbounded(smoothing: Smoothing, step: number, rate: number): number {
  switch (smoothing.kind) {
    case 'rate':
      return rate
    case 'constant':
      return smoothing.mu
    case 'proportional':
      return (smoothing.mu * rate) / smoothing.lr
    case 'geometric': {
      const { mu, end, totalSteps } = smoothing
      return mu * (end / mu) ** (Math.min(step, totalSteps - 1) / Math.max(totalSteps - 1, 1))
    }
  }
}
