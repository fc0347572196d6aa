/**
 * Gradient clipping, in place, in float64 with one rounding to float32:
 *
 *     by value    gᵢ ← min(max(gᵢ, −c), c)
 *     by norm     g ← g·min(1, c/‖g‖₂)        (Pascanu, Mikolov and Bengio, ICML 2013)
 */

/** Limits each element to [−limit, limit]. */
export function clipByValue(gradient: Float32Array, limit: number): void {
  for (let i = 0; i < gradient.length; i++) {
    gradient[i] = Math.min(Math.max(gradient[i]!, -limit), limit)
  }
}

/** Scales the gradient down to the norm `limit` where it is longer; returns the norm before. Summed in index order. */
export function clipByNorm(gradient: Float32Array, limit: number): number {
  let squares = 0
  for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!
  const norm = Math.sqrt(squares)
  if (norm > limit) {
    const factor = limit / norm
    for (let i = 0; i < gradient.length; i++) gradient[i]! *= factor
  }
  return norm
}
