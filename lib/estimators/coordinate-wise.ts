/**
 * Coordinate-wise gradient estimation (CGE; section 3 of DeepZero, arXiv 2310.02025): for each active coordinate i
 *
 *     forward   g_i = (f(θ + μ·e_i) − f(θ)) / h,              h = (θ_i ⊕ μ) − θ_i
 *     central   g_i = (f(θ + μ·e_i) − f(θ − μ·e_i)) / h,      h = (θ_i ⊕ μ) − (θ_i ⊖ μ)
 *
 * ⊕ rounds to the type of θ: the divisor is the step that was taken, not the one that was asked for. In float32 with
 * θ_i = 1 and μ = 1e-4 they differ by 1.7e-4 of it, which would be the relative error of the estimate. Differences and
 * quotients are float64; g_i is rounded to the type of θ.
 */
import { activeSet } from './active-set.ts'
import { type CgeSettings, cgeDefaults, type FloatArray } from './options.ts'
import { checkedStep, copyOf, type Estimate, ownTheta, type Plan, roundingOf, zerosLike } from './plan.ts'
import { QueryOrder } from './query-order.ts'

/** The plan of a coordinate-wise estimate; the options are checked already. Throws when a step is lost in rounding. */
export function coordinateWise<T extends FloatArray>(given: T, options: CgeSettings): Plan<T, Estimate<T>> {
  const theta = ownTheta(given)
  const { mu = cgeDefaults.mu, scheme = cgeDefaults.scheme, value } = options
  const active = activeSet(theta.length, options.coordinates, options.blocks)
  const { indices } = active
  const order = new QueryOrder(scheme, indices.length, value)
  const round = roundingOf(theta)

  const moved = (i: number, side: number): number => round(theta[i]! + side * mu)
  const stepTaken = (i: number): number => moved(i, 1) - (scheme === 'central' ? moved(i, -1) : theta[i]!)
  for (const i of indices) checkedStep(stepTaken(i), `index ${i}`, theta, mu)

  return {
    total: order.total,
    point(id) {
      const { step, side } = order.place(id)
      const point = copyOf(theta)
      if (side !== 0) point[indices[step]!] = moved(indices[step]!, side)
      return point
    },
    where(id) {
      const { step, side } = order.place(id)
      return side === 0 ? 'θ' : `θ ${side > 0 ? '+' : '−'} μ·e[${indices[step]}]`
    },
    combine(values) {
      const gradient = zerosLike(theta)
      indices.forEach((i, step) => {
        gradient[i] = order.difference(values, step) / stepTaken(i)
      })
      return { gradient, value: order.value(values), queries: order.total }
    },
    problem: { estimator: 'cge', theta, active, settings: { mu, scheme, value } },
  }
}
