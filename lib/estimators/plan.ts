/**
 * What an estimate asks and how it combines the answers, without saying who evaluates f, when, or in which order. The
 * ask/tell object and the closed loop work off the same plan.
 */
import { refusal } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import type { ActiveSet } from './active-set.ts'
import type { FloatArray } from './options.ts'

/** A gradient estimate. */
export interface Estimate<T extends FloatArray> {
  /** As long as θ and of its type; 0 where nothing was estimated. */
  readonly gradient: T
  /** f(θ), where it was evaluated or known; null with the scheme `central` otherwise. */
  readonly value: number | null
  /** Evaluations of f, repeated ones included. */
  readonly queries: number
}

export interface Plan<T extends FloatArray, R extends Estimate<T>> {
  /** Number of evaluations; queries are numbered from 0. */
  readonly total: number
  /** The point of a query, made anew. Throws when the step is lost in rounding. */
  point(id: number): T
  /** Where query `id` is, for messages: `θ + μ·e[7]`. */
  where(id: number): string
  /** The estimate from all values, summed in order of the queries. */
  combine(values: Float64Array): R
  /** Everything the estimate depends on besides f. */
  readonly problem: Problem
}

export interface Problem {
  readonly estimator: 'cge' | 'rge'
  readonly theta: FloatArray
  readonly active: ActiveSet
  readonly settings: Readonly<Record<string, unknown>>
}

/** A private copy of θ. Throws ERR_INVALID_ARGUMENT for another type or no values, ERR_NOT_FINITE naming the index. */
export function ownTheta<T extends FloatArray>(theta: T): T {
  if (!(theta instanceof Float32Array || theta instanceof Float64Array) || theta.length === 0) {
    throw refusal('theta', 'a Float32Array or Float64Array that is not empty', theta)
  }
  theta.forEach((value, i) => {
    if (!Number.isFinite(value)) throw refusal(`theta[${i}]`, 'a finite number', value, 'ERR_NOT_FINITE')
  })
  return copyOf(theta as T)
}

/** A plain array of the type of θ, with its values. */
export const copyOf = <T extends FloatArray>(theta: T): T =>
  (theta instanceof Float32Array ? new Float32Array(theta) : new Float64Array(theta)) as T

/** Zeros, as long as θ and of its type. */
export const zerosLike = <T extends FloatArray>(theta: T): T =>
  (theta instanceof Float32Array ? new Float32Array(theta.length) : new Float64Array(theta.length)) as T

/** Rounding to the type of θ. */
export const roundingOf = (theta: FloatArray): ((value: number) => number) =>
  theta instanceof Float32Array ? Math.fround : (value) => value

/** The length of a step that was taken. Throws when rounding left nothing of it, or it overflowed. */
export function checkedStep(length: number, where: string, theta: FloatArray, mu: number): number {
  if (length > 0 && length < Number.POSITIVE_INFINITY) return length
  const type = theta instanceof Float32Array ? 'float32' : 'float64'
  throw new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `options.mu: expected a step that changes θ at ${where} when rounded to ${type}, received ${mu}; ` +
      'take another μ, or scale θ to the order of 1',
  )
}
