/** The optimisers by name, with settings and state bound: what the trainer steps with and a checkpoint saves. */
import { type Adam, adamState, adamStep } from './adam.ts'
import { amsgradState, amsgradStep } from './amsgrad.ts'
import { type Sgd, sgdState, sgdStep } from './sgd.ts'
import { type SignSgd, signSgdState, signSgdStep } from './signsgd.ts'
import type { OptimiserState } from './state.ts'

export const optimiserKinds = ['sgd', 'signsgd', 'adam', 'amsgrad'] as const
export type OptimiserKind = (typeof optimiserKinds)[number]

export interface Optimiser {
  readonly state: OptimiserState
  /** One step, in place; see `state.ts`. */
  step(parameters: Float32Array, gradient: Float32Array, lr: number, active?: Uint32Array): void
}

type Step<State, Settings> = (
  parameters: Float32Array,
  gradient: Float32Array,
  state: State,
  lr: number,
  settings: Settings,
  active?: Uint32Array,
) => void

const bind = <State extends OptimiserState, Settings>(
  state: State,
  step: Step<State, Settings>,
  settings: Settings,
): Optimiser => ({
  state,
  step: (parameters, gradient, lr, active) => step(parameters, gradient, state, lr, settings, active),
})

/** An optimiser before its first step; each takes its own of the settings. */
export function makeOptimiser(kind: OptimiserKind, settings: Sgd & SignSgd & Adam, count: number): Optimiser {
  switch (kind) {
    case 'sgd':
      return bind(sgdState(count), sgdStep, settings)
    case 'signsgd':
      return bind(signSgdState(count), signSgdStep, settings)
    case 'adam':
      return bind(adamState(count), adamStep, settings)
    case 'amsgrad':
      return bind(amsgradState(count), amsgradStep, settings)
  }
}
