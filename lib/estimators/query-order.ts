/**
 * How the evaluations of an estimate are numbered. An estimate is made of differences of f along `count` steps:
 *
 *     forward   query 0: f(θ), unless it is known; then f(θ + step) of each
 *     central   queries 2k and 2k + 1: f(θ + step) and f(θ − step) of step k
 */
export interface Place {
  /** Number of the step. */
  readonly step: number
  /** Side of θ; 0 for θ itself. */
  readonly side: 1 | -1 | 0
}

export class QueryOrder {
  /** Number of evaluations. */
  readonly total: number
  readonly #central: boolean
  readonly #known: number | undefined
  /** Queries before those of the steps: 1 when f(θ) is one. */
  readonly #before: number

  constructor(scheme: 'forward' | 'central', count: number, known: number | undefined) {
    this.#central = scheme === 'central'
    this.#known = known
    this.#before = this.#central || known !== undefined ? 0 : 1
    this.total = this.#before + (this.#central ? 2 * count : count)
  }

  place(id: number): Place {
    if (id < this.#before) return { step: 0, side: 0 }
    if (!this.#central) return { step: id - this.#before, side: 1 }
    return { step: Math.floor(id / 2), side: id % 2 === 0 ? 1 : -1 }
  }

  /** f(θ): evaluated, or known, or null. */
  value(values: Float64Array): number | null {
    return this.#known ?? (this.#before === 1 ? values[0]! : null)
  }

  /** f(θ + step) − f(θ), or f(θ + step) − f(θ − step). */
  difference(values: Float64Array, step: number): number {
    if (this.#central) return values[2 * step]! - values[2 * step + 1]!
    return values[this.#before + step]! - (this.value(values) as number)
  }
}
