/**
 * An estimate in ask/tell form, for people who own the loop: ask for points, evaluate f wherever and in whatever
 * order, tell the values, take the result. The closed loop (`closed-loop.ts`) is built on it.
 */
import { createHash } from 'node:crypto'
import { checkOptions, refusal, requireInteger, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import type { FloatArray } from './options.ts'
import type { Estimate, Plan, Problem } from './plan.ts'

/** One evaluation of f to be made. */
export interface Query<T extends FloatArray> {
  /** From 0 to `total` − 1. */
  readonly id: number
  /** Where to evaluate f; it belongs to whoever asked. */
  readonly point: T
}

/** The values told so far, as JSON can hold them. */
export interface QueriesState {
  /** Names this kind of state and its version. */
  readonly format: 'deepzero-queries/1'
  /** Fingerprint of θ and of all options that the estimate depends on. */
  readonly problem: string
  /** Pairs of id and value, in order of the ids. */
  readonly values: readonly (readonly [number, number])[]
}

/** Made by `cgeQueries` and `rgeQueries`. Values may be told in any order; the result does not depend on it. */
export class Queries<T extends FloatArray, R extends Estimate<T> = Estimate<T>> {
  /** Number of evaluations of f that the estimate needs. */
  readonly total: number
  readonly #plan: Plan<T, R>
  /** By id; NaN where there is none yet. */
  readonly #values: Float64Array
  #next = 0
  #told = 0

  /** Use `cgeQueries` or `rgeQueries`. */
  constructor(plan: Plan<T, R>, state?: QueriesState) {
    this.total = plan.total
    this.#plan = plan
    this.#values = new Float64Array(plan.total).fill(Number.NaN)
    if (state !== undefined) this.#restore(state)
  }

  /** Number of values that are still to be told. */
  get remaining(): number {
    return this.total - this.#told
  }

  /** Whether all values are there. */
  get done(): boolean {
    return this.remaining === 0
  }

  /** Up to `count` queries that were neither asked nor told before; fewer, at last none, when there are no more. */
  ask(count = 1): Query<T>[] {
    requireInteger('count', count, { min: 1 })
    const asked: Query<T>[] = []
    for (; this.#next < this.total && asked.length < count; ++this.#next) {
      const id = this.#next
      if (this.#isOpen(id)) asked.push({ id, point: this.#plan.point(id) })
    }
    return asked
  }

  /** The point of a query, made anew: to evaluate one again whose value never came. */
  point(id: number): T {
    return this.#plan.point(this.#checked(id))
  }

  /**
   * The value of f at a query's point. Throws ERR_NOT_FINITE, naming the place, for anything but a finite number, and
   * ERR_INVALID_ARGUMENT for an unknown id or a second value; the query then stays as it was.
   */
  tell(id: number, value: number): void {
    this.#checked(id)
    if (!Number.isFinite(value)) {
      throw refusal(`f at ${this.#plan.where(id)}`, 'a finite number', value, 'ERR_NOT_FINITE')
    }
    if (!this.#isOpen(id)) {
      throw new DeepZeroError('ERR_INVALID_ARGUMENT', `id: expected one without a value, received ${id}`)
    }
    // −0 becomes 0, as it would in JSON.
    this.#values[id] = value + 0
    this.#told += 1
  }

  /** The estimate. Throws ERR_INVALID_ARGUMENT while values are missing. */
  result(): R {
    if (!this.done) {
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `result: expected all ${this.total} values, ${this.remaining} of them are not told yet`,
      )
    }
    return this.#plan.combine(this.#values)
  }

  /**
   * What is known, to continue from with the same θ and options. Queries that were asked and not told will be asked
   * again.
   */
  state(): QueriesState {
    const values: [number, number][] = []
    this.#values.forEach((value, id) => {
      if (!this.#isOpen(id)) values.push([id, value])
    })
    return { format: 'deepzero-queries/1', problem: fingerprint(this.#plan.problem), values }
  }

  #restore(state: QueriesState): void {
    checkOptions(
      state,
      { format: rule.oneOf(['deepzero-queries/1']), problem: rule.string(), values: rule.any },
      'state',
    )
    const { problem, values } = state
    if (problem !== fingerprint(this.#plan.problem)) {
      throw refusal(
        'state.problem',
        'that of this θ and these options; continue with those it was saved with',
        problem,
      )
    }
    if (!Array.isArray(values)) throw refusal('state.values', 'an array of [id, value]', values)
    for (const pair of values) {
      if (!Array.isArray(pair)) throw refusal('state.values', 'an array of [id, value]', values)
      this.tell(pair[0], pair[1])
    }
  }

  #isOpen(id: number): boolean {
    return Number.isNaN(this.#values[id])
  }

  #checked(id: number): number {
    return requireInteger('id', id, { min: 0, max: this.total - 1 })
  }
}

function fingerprint({ estimator, theta, active, settings }: Problem): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify({ estimator, type: theta.constructor.name, ...settings }))
  for (const array of [theta, active.indices, active.bounds]) {
    hash.update(`${array.length},`)
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  }
  return hash.digest('hex')
}
