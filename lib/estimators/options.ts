/**
 * Options of the estimators for any function, with their defaults (docs/black-boxes.md is checked against them) and checks. *Settings* say what is estimated, the *evaluation* options how f is called.
 */
import { type Rule, rule } from '../check.ts'
import { DEFAULT_MU } from '../schedules/smoothing.ts'
import type { Block } from './active-set.ts'
import { type DirectionKind, directionKinds } from './direction.ts'

/** θ, the points and the gradient: all of one type. */
export type FloatArray = Float32Array | Float64Array

/** What a coordinate-wise estimate is. */
export interface CgeSettings {
  /** Smoothing step, above 0. 1e-4 by default. */
  readonly mu?: number | undefined
  /** Differences to f(θ), or between both sides at twice the evaluations. `forward` by default. */
  readonly scheme?: 'forward' | 'central' | undefined
  /** Indices into θ to estimate, in any order; all by default. The gradient is 0 at the others. */
  readonly coordinates?: Uint32Array | readonly number[] | undefined
  /** Parts of θ to estimate, in any order; with `coordinates`, those that lie in one of the blocks. */
  readonly blocks?: readonly Block[] | undefined
  /** f(θ), where it is known already: it is not evaluated again. */
  readonly value?: number | undefined
}

/** What a randomised estimate is. */
export interface RgeSettings extends CgeSettings {
  /** How many directions, q. 1 by default. */
  readonly count?: number | undefined
  /** How they are distributed; `tensor` takes the blocks as tensors. `sphere` by default. */
  readonly directions?: DirectionKind | undefined
  /** Seed of the directions, from 0 to 2^53 − 1. 0 by default. */
  readonly seed?: number | undefined
  /** Index of the first direction: the next estimate of a loop begins where the last one ended. 0 by default. */
  readonly first?: number | undefined
}

/** How f is called. None of it changes the estimate. */
export interface EvaluationOptions {
  /** Most calls of f in flight at a time. 1 by default. */
  readonly concurrency?: number | undefined
  /** f takes an array of up to so many points and gives an array of as many values. */
  readonly batchSize?: number | undefined
  /** How often a call that throws or rejects is tried again. 0 by default. */
  readonly retries?: number | undefined
  /** Milliseconds before the first of these, doubled for each further one. 0 by default. */
  readonly retryDelay?: number | undefined
  /** Most evaluations of f, repeated ones included. No limit by default. */
  readonly budget?: number | undefined
  /** Stops the estimate between queries: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called after each call of f with the number of values there are. What it throws rejects the estimate. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface CgeOptions extends CgeSettings, EvaluationOptions {}
export interface RgeOptions extends RgeSettings, EvaluationOptions {}

export const cgeDefaults = { mu: DEFAULT_MU, scheme: 'forward' } as const
export const rgeDefaults = { ...cgeDefaults, count: 1, directions: 'sphere', seed: 0, first: 0 } as const
export const evaluationDefaults = { concurrency: 1, retries: 0, retryDelay: 0 } as const

type Shape = Readonly<Record<string, Rule>>

/** `coordinates` and `blocks` are checked where they are read, in `activeSet`. */
export const cgeShape: Shape = {
  mu: rule.number({ above: 0 }),
  scheme: rule.oneOf(['forward', 'central']),
  coordinates: rule.any,
  blocks: rule.any,
  value: rule.number(),
}

export const rgeShape: Shape = {
  ...cgeShape,
  count: rule.integer({ min: 1 }),
  directions: rule.oneOf(directionKinds),
  seed: rule.integer({ min: 0 }),
  first: rule.integer({ min: 0 }),
}

export const evaluationShape: Shape = {
  concurrency: rule.integer({ min: 1 }),
  batchSize: rule.integer({ min: 1 }),
  retries: rule.integer({ min: 0 }),
  retryDelay: rule.number({ min: 0 }),
  budget: rule.integer({ min: 1 }),
  signal: rule.instance(AbortSignal),
  onProgress: rule.function(),
}
