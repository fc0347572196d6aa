/**
 * Comparison of two vectors: ‖actual − expected‖₂ / ‖expected‖₂ in float64. It never passes by accident: a NaN or
 * infinity on either side gives NaN, other lengths are refused, and where everything expected is 0 the error is
 * absolute. A check reads `!(error <= tolerance)`, so NaN fails it.
 */
import { DeepZeroError } from '../errors.ts'

export type Numbers = ArrayLike<number>

/** Relative error in the 2-norm. Throws ERR_INTERNAL for other lengths, or none. */
export function relativeError(actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length || expected.length === 0) {
    throw new DeepZeroError(
      'ERR_INTERNAL',
      `comparison: expected as many values on both sides and at least one, received ${actual.length} and ${expected.length}`,
    )
  }
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i]!
    difference += (actual[i]! - e) ** 2
    norm += e ** 2
  }
  if (!Number.isFinite(difference) || !Number.isFinite(norm)) return Number.NaN
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm)
}

/** Whether an error is within its tolerance; NaN never is. */
export const within = (error: number, tolerance: number): boolean => error <= tolerance
