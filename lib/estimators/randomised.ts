/**
 * Randomised gradient estimation (RGE; section 3 of DeepZero, arXiv 2310.02025; Nesterov and Spokoiny, "Random
 * gradient-free minimization of convex functions", 2017, for normal directions): with q directions u_k
 * (`direction.ts`) over d active coordinates
 *
 *     forward   D_k = (f(θ + μ·u_k) − f(θ)) / h_k,              h_k = ⟨(θ ⊕ μ·u_k) − θ, u_k⟩ / ⟨u_k, u_k⟩
 *     central   D_k = (f(θ + μ·u_k) − f(θ − μ·u_k)) / h_k,      h_k = ⟨(θ ⊕ μ·u_k) − (θ ⊖ μ·u_k), u_k⟩ / ⟨u_k, u_k⟩
 *     g = (c/q)·Σ D_k·u_k,   c = d for sphere, 1 for tensor, gaussian and rademacher
 *
 * ⊕ rounds to the type of θ; h_k is μ (or 2μ) as it was really moved along u_k, and for u = e_i that of `cge`. All
 * sums are float64, over the coordinates and the directions in order; g is rounded to the type of θ. Directions are
 * drawn anew when they are needed, so memory does not grow with q.
 */

import { refusal } from '../check.ts'
import { activeSet } from './active-set.ts'
import { direction } from './direction.ts'
import { type FloatArray, type RgeSettings, rgeDefaults } from './options.ts'
import { checkedStep, copyOf, type Estimate, ownTheta, type Plan, roundingOf, zerosLike } from './plan.ts'
import { QueryOrder } from './query-order.ts'

/** A gradient estimate from random directions. */
export interface RandomEstimate<T extends FloatArray> extends Estimate<T> {
  /** D_k, one per direction. With the seed and `first` they hold the whole estimate. */
  readonly differences: Float64Array
}

/** The plan of a randomised estimate; the options are checked already. */
export function randomised<T extends FloatArray>(given: T, options: RgeSettings): Plan<T, RandomEstimate<T>> {
  const theta = ownTheta(given)
  const { value, blocks } = options
  const { mu = rgeDefaults.mu, scheme = rgeDefaults.scheme, count = rgeDefaults.count } = options
  const { directions = rgeDefaults.directions, seed = rgeDefaults.seed, first = rgeDefaults.first } = options
  if (directions === 'tensor' && blocks === undefined) {
    throw refusal('options.blocks', "the tensors of θ as { offset, size } with directions 'tensor'", blocks)
  }
  const active = activeSet(theta.length, options.coordinates, blocks)
  const { indices } = active
  const order = new QueryOrder(scheme, count, value)
  const round = roundingOf(theta)
  const scale = (directions === 'sphere' ? indices.length : 1) / count

  const drawn = (step: number): Float32Array => direction(directions, seed, first + step, active)
  const moved = (i: number, u: number, side: number): number => round(theta[i]! + side * mu * u)

  /** h_k */
  function stepTaken(step: number, u: Float32Array): number {
    let along = 0
    let squares = 0
    indices.forEach((i, k) => {
      const start = scheme === 'central' ? moved(i, u[k]!, -1) : theta[i]!
      along += (moved(i, u[k]!, 1) - start) * u[k]!
      squares += u[k]! * u[k]!
    })
    return checkedStep(along / squares, `direction ${first + step}`, theta, mu)
  }

  return {
    total: order.total,
    point(id) {
      const { step, side } = order.place(id)
      const point = copyOf(theta)
      if (side === 0) return point
      const u = drawn(step)
      stepTaken(step, u)
      indices.forEach((i, k) => {
        point[i] = moved(i, u[k]!, side)
      })
      return point
    },
    where(id) {
      const { step, side } = order.place(id)
      return side === 0 ? 'θ' : `θ ${side > 0 ? '+' : '−'} μ·u[${first + step}]`
    },
    combine(values) {
      const sums = new Float64Array(indices.length)
      const differences = new Float64Array(count)
      for (let step = 0; step < count; ++step) {
        const u = drawn(step)
        const slope = order.difference(values, step) / stepTaken(step, u)
        differences[step] = slope
        for (let k = 0; k < u.length; ++k) sums[k]! += slope * u[k]!
      }
      const gradient = zerosLike(theta)
      indices.forEach((i, k) => {
        gradient[i] = scale * sums[k]!
      })
      return { gradient, value: order.value(values), queries: order.total, differences }
    },
    problem: {
      estimator: 'rge',
      theta,
      active,
      settings: { mu, scheme, value, count, directions, seed, first },
    },
  }
}
