/**
 * The product of Hessian and gradient from two gradient estimates (section 4 of the DeepZero paper):
 *
 *     Hg ≈ (ĝ(θ + ε·ĝ₁) − ĝ₁) / ε,   ĝ₁ = ĝ(θ)
 *
 * ε is chosen so that the weights move by a given share of their norm: ε = step · ‖θ‖ / ‖ĝ₁‖. A fixed ε would mean
 * another move for every network and estimator: with `sphere` directions ‖ĝ₁‖ is about √(d/q) times that of the
 * gradient, with `tensor` directions below it.
 *
 * ReLUs and maxima make the gradient jump, so that a small step sees which few of them switch at these images: the
 * products of two sets of images then have little in common. A large one leaves the neighbourhood of θ. Between them,
 * at about 1/100 of ‖θ‖, the product changes least with the step, and that of coordinate-wise estimates is much the
 * same for other images.
 */
import type { Batch } from '../batch.ts'
import { allCoordinates } from '../coordinates.ts'
import { DeepZeroError } from '../errors.ts'
import type { Session } from '../session.ts'
import type { GradientSource } from './gradient-source.ts'

export interface HessianGradientOptions {
  /** ‖ε·ĝ₁‖ / ‖θ‖ */
  readonly step: number
  /** Where Hg is wanted, sorted. */
  readonly needed: Uint32Array
  readonly signal?: AbortSignal | undefined
  /** Called with the share of the work that is done, from 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined
}

export interface HessianGradient {
  /** Hg, flat; 0 where it was not asked for. */
  readonly product: Float64Array
  /** ĝ₁, flat. */
  readonly gradient: Float32Array
  readonly epsilon: number
}

/** Estimates Hg at the session's weights, which are bit-identical afterwards. */
export async function hessianGradient(
  session: Session,
  batch: Batch,
  source: GradientSource,
  { step, needed, signal, onProgress }: HessianGradientOptions,
): Promise<HessianGradient> {
  const theta = session.getParameters()
  const all = allCoordinates(session.network.layout)
  const both = all.length + needed.length
  const gradient = await source(session, batch, {
    pass: 0,
    needed: all,
    signal,
    onProgress: (done, total) => onProgress?.(((done / total) * all.length) / both),
  })
  const length = norm(gradient)
  if (!(length > 0))
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      'the gradient estimate is 0 everywhere, so there is no direction to move in; expected weights or images where ' +
        'the loss changes',
    )
  const epsilon = (step * norm(theta)) / length
  session.setParameters(theta.map((value, i) => value + epsilon * (gradient[i] as number)))
  try {
    const moved = await source(session, batch, {
      pass: 1,
      needed,
      signal,
      onProgress: (done, total) => onProgress?.((all.length + (done / total) * needed.length) / both),
    })
    const product = new Float64Array(theta.length)
    for (const i of needed) product[i] = ((moved[i] as number) - (gradient[i] as number)) / epsilon
    return { product, gradient, epsilon }
  } finally {
    session.setParameters(theta)
  }
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
