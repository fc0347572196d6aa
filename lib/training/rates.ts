/** Learning rate and μ of every step, as the options of training say: epochs become steps here. */
import { learningRate, type Schedule } from '../schedules/schedule.ts'
import { type Smoothing, smoothingStep } from '../schedules/smoothing.ts'
import type { TrainSettings } from './options.ts'

export interface Rates {
  /** Of step `step`, counted from 0. */
  lr(step: number): number
  mu(step: number): number
}

export function ratesOf(settings: TrainSettings, stepsPerEpoch: number): Rates {
  const totalSteps = settings.epochs * stepsPerEpoch
  const schedule = scheduleOf(settings, stepsPerEpoch, totalSteps)
  const smoothing = smoothingOf(settings, totalSteps)
  const lr = (step: number): number => learningRate(schedule, step)
  return { lr, mu: (step) => smoothingStep(smoothing, step, lr(step)) }
}

function scheduleOf(settings: TrainSettings, stepsPerEpoch: number, totalSteps: number): Schedule {
  const { schedule: kind, lr } = settings
  const warmupSteps = Math.round(settings.warmupEpochs * stepsPerEpoch)
  switch (kind) {
    case 'cosine':
    case 'constant':
      return { kind, lr, warmupSteps, totalSteps }
    case 'step': {
      const milestones = settings.milestones.map((epoch) => epoch * stepsPerEpoch)
      return { kind, lr, warmupSteps, totalSteps, milestones, gamma: settings.gamma }
    }
    case 'one-cycle': {
      const { oneCycleRise: rise, oneCycleDivisor: divisor, oneCycleFinalDivisor: finalDivisor } = settings
      return { kind, lr, totalSteps, rise, divisor, finalDivisor }
    }
  }
}

function smoothingOf({ mu, muSchedule: kind, muEnd: end, lr }: TrainSettings, totalSteps: number): Smoothing {
  if (mu === 'lr') return { kind: 'rate' }
  switch (kind) {
    case 'constant':
      return { kind, mu }
    case 'proportional':
      return { kind, mu, lr }
    case 'geometric':
      return { kind, mu, end, totalSteps }
  }
}
