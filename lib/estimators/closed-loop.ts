/**
 * Evaluates the queries of an estimate by calling the user's function: so many points a call, so many calls at a time,
 * failing ones again, within a budget. Who is called when decides about nothing in the result.
 *
 * A call fails when f throws or rejects. Once one has failed for good, no call is started, those that run are awaited,
 * and the error is thrown as it is. An abort does not wait: what f still computes is not heeded.
 */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { show } from '../check.ts'
import { DeepZeroError, withStackOf } from '../errors.ts'
import { type EvaluationOptions, evaluationDefaults, type FloatArray } from './options.ts'
import type { Estimate } from './plan.ts'
import type { Queries, Query } from './queries.ts'

/** f of one point. */
export type PointFunction<T extends FloatArray> = (point: T) => number | Promise<number>

/** f of many points: as many values, in their order. */
export type BatchFunction<T extends FloatArray> = (
  points: T[],
) => ArrayLike<number> | Promise<ArrayLike<number>>

/** Milliseconds after which the event loop gets a turn, so that timers and signals work beside an f that never waits. */
const TURN = 10

/** Runs until all values are told; gives the number of evaluations. `at` was made where the user called. */
export async function evaluateQueries<T extends FloatArray>(
  queries: Queries<T, Estimate<T>>,
  f: PointFunction<T> | BatchFunction<T>,
  options: EvaluationOptions,
  at: Error,
): Promise<number> {
  const { batchSize, signal, onProgress, budget = Number.POSITIVE_INFINITY } = options
  const { concurrency = evaluationDefaults.concurrency, retries = evaluationDefaults.retries } = options
  const { retryDelay = evaluationDefaults.retryDelay } = options
  const { total } = queries
  const size = batchSize ?? 1
  if (budget < total) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `options.budget: expected at least ${total}, the evaluations of this estimate, received ${budget}`,
    )
  }

  let evaluations = 0
  /** What the budget leaves for calls that are tried again. */
  let spare = budget - total
  let failure: { readonly error: unknown } | undefined
  const stop = new AbortController()
  const fail = (error: unknown): void => {
    failure ??= { error }
    stop.abort()
  }

  const call = async (points: T[]): Promise<ArrayLike<number>> =>
    batchSize === undefined
      ? [await (f as PointFunction<T>)(points[0] as T)]
      : await (f as BatchFunction<T>)(points)

  /** The values of some queries, or undefined when the estimate is over. */
  async function answer(asked: readonly Query<T>[]): Promise<ArrayLike<number> | undefined> {
    let points = asked.map(({ point }) => point)
    for (let attempt = 0; ; ++attempt) {
      evaluations += asked.length
      try {
        return await call(points)
      } catch (error) {
        if (attempt === retries || spare < asked.length) return void fail(error)
        spare -= asked.length
      }
      if (retryDelay > 0) await pause(retryDelay * 2 ** attempt, stop.signal)
      if (stop.signal.aborted) return undefined
      points = asked.map(({ id }) => queries.point(id))
    }
  }

  let turn = performance.now()
  async function work(): Promise<void> {
    while (!stop.signal.aborted) {
      const asked = queries.ask(size)
      if (asked.length === 0) return
      const values = await answer(asked)
      if (stop.signal.aborted) return
      // Without an abort an answer that is undefined is f's.
      tellAll(queries, asked, values as ArrayLike<number>)
      try {
        onProgress?.(total - queries.remaining, total)
      } catch (error) {
        return fail(error)
      }
      if (performance.now() - turn > TURN) {
        await setImmediate()
        turn = performance.now()
      }
    }
  }
  const worker = (): Promise<void> => work().catch((error) => fail(withStackOf(error, at)))

  const aborted = (): DeepZeroError =>
    new DeepZeroError('ERR_ABORTED', 'the estimate was aborted', { cause: signal?.reason })
  if (signal?.aborted) throw aborted()
  const workers = Math.min(concurrency, Math.ceil(total / size))
  await new Promise<void>((resolve) => {
    const onAbort = (): void => {
      fail(withStackOf(aborted(), at))
      resolve()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    void Promise.all(Array.from({ length: workers }, worker)).then(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
  })
  if (failure) throw failure.error
  return evaluations
}

/** Ends early, without an error, when stopped. Node.js takes no longer delays than 2^31 − 1. */
const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  setTimeout(Math.min(milliseconds, 2 ** 31 - 1), undefined, { signal }).catch(() => {})

function tellAll<T extends FloatArray>(
  queries: Queries<T, Estimate<T>>,
  asked: readonly Query<T>[],
  values: ArrayLike<number>,
): void {
  if (values?.length !== asked.length) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `f: expected an array of ${asked.length} values for as many points, received ${show(values)}`,
    )
  }
  asked.forEach(({ id }, k) => {
    queries.tell(id, values[k] as number)
  })
}
