/**
 * Learning-rate schedules as data and one pure function: the rate of a step from its number alone, so that a resumed
 * run needs no schedule state. All of them go by steps; all but one-cycle start with a linear warm-up:
 *
 *     step < W        lr · (step + 1)/W
 *     constant        lr
 *     cosine          lr · ½·(1 + cos(π·(step − W)/T)),  T = total − W
 *     step            lr · γ^(number of milestones ≤ step)
 *     one-cycle       up to lr and down again (`one-cycle.ts`)
 */
import { checkOptions, rule } from '../check.ts'
import { type OneCycle, oneCycleRate } from './one-cycle.ts'

export const scheduleKinds = ['cosine', 'step', 'constant', 'one-cycle'] as const

interface WarmedUp {
  /** The rate after the warm-up. */
  readonly lr: number
  /** W: steps of linear warm-up. */
  readonly warmupSteps: number
  /** All steps of the run, warm-up included. */
  readonly totalSteps: number
}

/** Falls by a factor at some steps. */
export interface Stepwise extends WarmedUp {
  /** Tells it from the other schedules. */
  readonly kind: 'step'
  /** First steps with a lower rate. */
  readonly milestones: readonly number[]
  /** γ: factor at each milestone. */
  readonly gamma: number
}

/** A learning rate by step, as plain data. */
export type Schedule = (WarmedUp & { readonly kind: 'cosine' | 'constant' }) | Stepwise | OneCycle

type Steps = { readonly lr: number; readonly warmupSteps?: number; readonly totalSteps: number }

const stepsShape = { lr: rule.number(), warmupSteps: rule.number({ min: 0 }), totalSteps: rule.number() }

/** Falls from `lr` to 0 along half a cosine. */
export function cosine(options: Steps): Schedule {
  checkOptions(options, stepsShape)
  const { lr, warmupSteps = 0, totalSteps } = options
  return { kind: 'cosine', lr, warmupSteps, totalSteps }
}

/** The same rate throughout, after the warm-up. */
export function constant(options: Steps): Schedule {
  checkOptions(options, stepsShape)
  const { lr, warmupSteps = 0, totalSteps } = options
  return { kind: 'constant', lr, warmupSteps, totalSteps }
}

/** Factor at a milestone unless another is given. */
export const DEFAULT_GAMMA = 0.1

/** Multiplies the rate by `gamma` at each milestone. */
export function stepwise(
  options: Steps & { readonly milestones: readonly number[]; readonly gamma?: number },
): Schedule {
  checkOptions(options, { ...stepsShape, milestones: rule.integers(), gamma: rule.number() })
  const { lr, warmupSteps = 0, totalSteps, milestones, gamma = DEFAULT_GAMMA } = options
  return { kind: 'step', lr, warmupSteps, totalSteps, milestones, gamma }
}

/** The learning rate of step `step`, counted from 0. */
export function learningRate(schedule: Schedule, step: number): number {
  if (schedule.kind === 'one-cycle') return oneCycleRate(schedule, step)
  const { lr, warmupSteps, totalSteps } = schedule
  if (step < warmupSteps) return (lr * (step + 1)) / warmupSteps
  switch (schedule.kind) {
    case 'constant':
      return lr
    case 'cosine': {
      const length = Math.max(totalSteps - warmupSteps, 1)
      return lr * 0.5 * (1 + Math.cos((Math.PI * Math.min(step - warmupSteps, length)) / length))
    }
    case 'step': {
      const { milestones, gamma } = schedule
      return milestones.reduce((rate, milestone) => (step >= milestone ? rate * gamma : rate), lr)
    }
  }
}
