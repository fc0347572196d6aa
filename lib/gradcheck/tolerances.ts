import type { Precision } from '../session-options.ts'

/**
 * Tolerances of gradcheck, relative in the 2-norm, by precision of the differences.
 *
 * logits, loss, running: 1e-5, some tens of float32 roundings through the depth of the network.
 * cge: the estimate against the exact finite difference at the same μ: 1e-4 at μ ≥ 1e-3, 1e-3 below; with differences
 * rounded to float16, whose roundings are up to 2⁻¹¹, 1e-3; to bfloat16, whose roundings are up to 2⁻⁹, 5e-3 on the CPU,
 * which rounds them a few times on their way, and 2e-2 on CUDA, which rounds them behind every op, and weights as well.
 * gradient: the estimate against the true gradient, which the finite difference misses by its truncation (mostly
 * ReLUs that switch), about √μ on the reference networks (6.1e-2 at 5e-3, 8.7e-3 at 1e-4): max(2e-3, √μ), and in half
 * precision what `cge` allows on top.
 */
export interface Tolerances {
  readonly logits: number
  readonly loss: number
  readonly running: number
  cge(mu: number): number
  gradient(mu: number): number
}

/** Of the base pass, which is float32 in any case. */
const base = { logits: 1e-5, loss: 1e-5, running: 1e-5 }
const truncation = (mu: number): number => Math.max(2e-3, Math.sqrt(mu))
const float32: Tolerances = { ...base, cge: (mu) => (mu >= 1e-3 ? 1e-4 : 1e-3), gradient: truncation }
const half = (cge: number): Tolerances => ({
  ...base,
  cge: () => cge,
  gradient: (mu) => truncation(mu) + cge,
})

/** Of differences of this precision on a device, `cpu` or `cuda`. */
export function tolerancesOf(precision: Precision, device: string): Tolerances {
  if (precision === 'f32') return float32
  if (precision === 'f16') return half(1e-3)
  return half(device === 'cpu' ? 5e-3 : 2e-2)
}
