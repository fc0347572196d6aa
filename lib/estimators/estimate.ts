/**
 * Gradient estimates of any function of the user's: `cge` one coordinate at a time, `rge` along random directions;
 * `cgeQueries` and `rgeQueries` are the same estimates in ask/tell form.
 */
import { checkOptions, requireFunction } from '../check.ts'
import { type BatchFunction, evaluateQueries, type PointFunction } from './closed-loop.ts'
import { coordinateWise } from './coordinate-wise.ts'
import {
  type CgeOptions,
  type CgeSettings,
  cgeShape,
  type EvaluationOptions,
  evaluationShape,
  type FloatArray,
  type RgeOptions,
  type RgeSettings,
  rgeShape,
} from './options.ts'
import type { Estimate, Plan } from './plan.ts'
import { Queries, type QueriesState } from './queries.ts'
import { type RandomEstimate, randomised } from './randomised.ts'

/** Options with which f takes one point, and with which it takes many. */
type OnePoint<O> = O & { readonly batchSize?: undefined }
type ManyPoints<O> = O & { readonly batchSize: number }

/**
 * The coordinate-wise estimate of the gradient of f at θ: d + 1 evaluations of f for d coordinates, or 2d with the
 * scheme `central`. With `batchSize`, f takes an array of points.
 *
 * f gets points of its own, of the type of θ, and may be synchronous or not; θ is not changed. Rejects with
 * ERR_INVALID_ARGUMENT or ERR_UNKNOWN_OPTION before any call of f; with ERR_NOT_FINITE, naming the coordinate, when f
 * gives anything but a finite number; with the error of f; with ERR_ABORTED.
 */
export function cge<T extends FloatArray>(
  f: PointFunction<T>,
  theta: T,
  options?: OnePoint<CgeOptions>,
): Promise<Estimate<T>>
export function cge<T extends FloatArray>(
  f: BatchFunction<T>,
  theta: T,
  options: ManyPoints<CgeOptions>,
): Promise<Estimate<T>>
export function cge<T extends FloatArray>(
  f: PointFunction<T> | BatchFunction<T>,
  theta: T,
  options: CgeOptions = {},
): Promise<Estimate<T>> {
  return closedLoop(cge, f, options, () => {
    checkOptions(options, { ...cgeShape, ...evaluationShape })
    return coordinateWise(theta, options)
  })
}

/**
 * The randomised estimate of the gradient of f at θ: `count` + 1 evaluations of f, or twice `count` with the scheme
 * `central`, whatever the number of coordinates. The rest is as for `cge`.
 */
export function rge<T extends FloatArray>(
  f: PointFunction<T>,
  theta: T,
  options?: OnePoint<RgeOptions>,
): Promise<RandomEstimate<T>>
export function rge<T extends FloatArray>(
  f: BatchFunction<T>,
  theta: T,
  options: ManyPoints<RgeOptions>,
): Promise<RandomEstimate<T>>
export function rge<T extends FloatArray>(
  f: PointFunction<T> | BatchFunction<T>,
  theta: T,
  options: RgeOptions = {},
): Promise<RandomEstimate<T>> {
  return closedLoop(rge, f, options, () => {
    checkOptions(options, { ...rgeShape, ...evaluationShape })
    return randomised(theta, options)
  })
}

/** The estimate of `cge` in ask/tell form; `state` continues one that was saved, with the same θ and options. */
export function cgeQueries<T extends FloatArray>(
  theta: T,
  options: CgeSettings = {},
  state?: QueriesState,
): Queries<T> {
  checkOptions(options, cgeShape)
  return new Queries(coordinateWise(theta, options), state)
}

/** The estimate of `rge` in ask/tell form; `state` continues one that was saved, with the same θ and options. */
export function rgeQueries<T extends FloatArray>(
  theta: T,
  options: RgeSettings = {},
  state?: QueriesState,
): Queries<T, RandomEstimate<T>> {
  checkOptions(options, rgeShape)
  return new Queries(randomised(theta, options), state)
}

/** Checks, then evaluates; all errors reject, and those of ours lead to the line that called `method`. */
async function closedLoop<T extends FloatArray, R extends Estimate<T>>(
  method: (...args: never[]) => unknown,
  f: PointFunction<T> | BatchFunction<T>,
  options: EvaluationOptions,
  plan: () => Plan<T, R>,
): Promise<R> {
  const at = new Error()
  Error.captureStackTrace(at, method)
  requireFunction('f', f)
  const queries = new Queries(plan())
  const evaluations = await evaluateQueries(queries, f, options, at)
  return { ...queries.result(), queries: evaluations }
}
