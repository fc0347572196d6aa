import type { Precision } from '../session-options.ts'

/**
 * Tolerances of gradcheck, relative in the 2-norm.
 *
 * logits, loss, running: 1e-5, some tens of float32 roundings through the depth of the network.
 * cge: the estimate against the exact finite difference at the same μ: for float32 1e-4 at μ ≥ 1e-3, 1e-3 below; for
 * float16, which has eleven bits, 1e-3.
 * gradient: the estimate against the true gradient, which the finite difference misses by its truncation (mostly
 * ReLUs that switch), about √μ on the reference networks (6.1e-2 at 5e-3, 8.7e-3 at 1e-4): max(2e-3, √μ).
 */
export interface Tolerances {
  readonly logits: number
  readonly loss: number
  readonly running: number
  cge(mu: number): number
  gradient(mu: number): number
}

const f32: Tolerances = {
  logits: 1e-5,
  loss: 1e-5,
  running: 1e-5,
  cge: (mu) => (mu >= 1e-3 ? 1e-4 : 1e-3),
  gradient: (mu) => Math.max(2e-3, Math.sqrt(mu)),
}

/** By precision of the differences. */
export const tolerances: Readonly<Record<Precision, Tolerances>> = { f32, f16: { ...f32, cge: () => 1e-3 } }
