/**
 * How a step's gradient is estimated at a batch, with an active set of coordinates and a smoothing step μ:
 *
 *     cge   one finite difference per active coordinate
 *     rge   q finite differences along random directions, combined; step t uses directions t·q, t·q + 1, …
 *
 * With a black-box head the loss is a function of the user's, and cge differences of it are taken through the outputs.
 * In every case the estimate is as long as the flat parameters and 0 outside the active set.
 */
import type { Batch } from '../batch.ts'
import type { BlackBoxHead } from '../estimators/black-box-head.ts'
import type { Session } from '../session.ts'
import type { DifferencesOptions } from '../session-options.ts'
import type { TrainSettings } from './options.ts'

export type EstimatorSettings = Pick<
  TrainSettings,
  'estimator' | 'queries' | 'directions' | 'scheme' | 'method' | 'statistics' | 'labelSmoothing' | 'seed'
>

export interface EstimateRequest {
  readonly batch: Batch
  /** Coordinates to estimate, sorted. */
  readonly active: Uint32Array
  readonly mu: number
  /** Number of the step, from 0: names the directions. */
  readonly step: number
  /** Let the base pass move the running statistics. */
  readonly updateRunning: boolean
  readonly signal?: AbortSignal | undefined
  /** Told the queries done and all of them. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** The loss, in the place of the cross-entropy; with cge only. */
  readonly head?: BlackBoxHead | undefined
}

export interface Estimate {
  /** Flat; 0 where there is no estimate. */
  readonly gradient: Float32Array
  /** Of the base pass. */
  readonly loss: number
  /** Of the unperturbed network on this batch. */
  readonly accuracy: number
  /** Images that the unperturbed network classifies rightly. */
  readonly correct: number
  /** Perturbed evaluations of the network on the batch. */
  readonly queries: number
}

/** Estimates the gradient. The session has the call before this returns its promise: it works at once. */
export function estimate(
  session: Session,
  settings: EstimatorSettings,
  request: EstimateRequest,
): Promise<Estimate> {
  const { scheme, method, statistics, labelSmoothing } = settings
  const { mu, updateRunning, signal } = request
  // A session counts coordinates or directions.
  const each = sides({ scheme })
  const onProgress =
    request.onProgress && ((done: number, total: number) => request.onProgress?.(each * done, each * total))
  const call = { mu, scheme, method, statistics, labelSmoothing, updateRunning, signal, onProgress }
  return settings.estimator === 'cge'
    ? coordinateWise(session, call, request)
    : randomised(session, call, settings, request)
}

/** Directions of one seed. */
const DIRECTIONS = 2 ** 32

/** Evaluations that each coordinate or direction takes. */
const sides = ({ scheme }: DifferencesOptions): number => (scheme === 'central' ? 2 : 1)

/** Queries of one estimate over `active`. */
export const queriesOf = (
  { estimator, queries, scheme }: Pick<EstimatorSettings, 'estimator' | 'queries' | 'scheme'>,
  active: Uint32Array,
): number => sides({ scheme }) * (estimator === 'cge' ? active.length : queries)

async function coordinateWise(
  session: Session,
  call: DifferencesOptions,
  { batch, active, head }: EstimateRequest,
): Promise<Estimate> {
  const { method: _, labelSmoothing: __, ...through } = call
  const { values, loss, accuracy, correct } = head
    ? await head.differences(session, batch, active, through)
    : await session.differences(batch, active, call)
  const gradient = new Float32Array(session.network.layout.parameterCount)
  active.forEach((coordinate, i) => {
    gradient[coordinate] = values[i]!
  })
  return { gradient, loss, accuracy, correct, queries: sides(call) * active.length }
}

async function randomised(
  session: Session,
  call: DifferencesOptions,
  { queries, directions, seed }: EstimatorSettings,
  { batch, active, step }: EstimateRequest,
): Promise<Estimate> {
  const everything = active.length === session.network.layout.parameterCount
  const { gradient, loss, accuracy, correct } = await session.randomDifferences(batch, {
    ...call,
    count: queries,
    first: (step * queries) % DIRECTIONS,
    seed,
    directions,
    ...(everything ? {} : { coordinates: active }),
  })
  return { gradient, loss, accuracy, correct, queries: sides(call) * queries }
}
