/**
 * The one-cycle schedule (Smith and Topin, "Super-convergence", 2018) as PyTorch's OneCycleLR has it for the learning
 * rate, with cosines. Of T steps, the first rise·T climb from lr/d to lr, the others fall to lr/(d·D):
 *
 *     p = rise·T − 1                       the step of the peak, may be a fraction
 *     step ≤ p    a = lr/d, b = lr,        x = step/p
 *     step > p    a = lr,   b = lr/(d·D),  x = (step − p)/(T − 1 − p)
 *     rate        b + (a − b)·½·(1 + cos(π·x))
 *
 * With rise·T < 1 there is no step to climb in, and the first one is a little way down already, at x = −p/(T − 1 − p): with
 * rise 0 and T = 10 its rate is 0.976·lr. A run of one step has the last rate, lr/(d·D), and lr with rise 1.
 */
import { checkOptions, rule } from '../check.ts'

/** The one-cycle schedule, as plain data. */
export interface OneCycle {
  /** Tells it from the other schedules. */
  readonly kind: 'one-cycle'
  /** The rate at the peak. */
  readonly lr: number
  /** T: all steps of the run. */
  readonly totalSteps: number
  /** Share of the steps up to the peak, from 0 to 1. */
  readonly rise: number
  /** d: the first rate is lr/d. */
  readonly divisor: number
  /** D: the last rate is lr/(d·D). */
  readonly finalDivisor: number
}

/** PyTorch's. */
export const oneCycleDefaults = { rise: 0.3, divisor: 25, finalDivisor: 1e4 } as const

/** Rises from lr/divisor to `lr` and falls to lr/(divisor·finalDivisor), with PyTorch's defaults. */
export function oneCycle(options: Pick<OneCycle, 'lr' | 'totalSteps'> & Partial<OneCycle>): OneCycle {
  checkOptions(options, {
    kind: rule.oneOf(['one-cycle']),
    ...{ lr: rule.number(), totalSteps: rule.number(), rise: rule.number({ min: 0, max: 1 }) },
    ...{ divisor: rule.number(), finalDivisor: rule.number() },
  })
  const {
    lr,
    totalSteps,
    rise = oneCycleDefaults.rise,
    divisor = oneCycleDefaults.divisor,
    finalDivisor = oneCycleDefaults.finalDivisor,
  } = options
  return { kind: 'one-cycle', lr, totalSteps, rise, divisor, finalDivisor }
}

/** From a at x = 0 to b at x = 1 along half a cosine. */
const anneal = (a: number, b: number, x: number): number => b + (a - b) * 0.5 * (1 + Math.cos(Math.PI * x))

/** The rate of step `step`, counted from 0; that of the last step afterwards. */
export function oneCycleRate(
  { lr, totalSteps, rise, divisor, finalDivisor }: OneCycle,
  step: number,
): number {
  const first = lr / divisor
  const last = totalSteps - 1
  const peak = rise * totalSteps - 1
  const at = Math.min(step, last)
  if (at <= peak) return anneal(first, lr, peak === 0 ? 1 : at / peak)
  return anneal(lr, first / finalDivisor, (at - peak) / (last - peak))
}
