/**
 * Where pruning gets a gradient of the loss from: a function of a session and a batch, so that scores do not depend on
 * how the gradient is estimated. Both estimators here use batch statistics and leave weights and running statistics as
 * they are.
 */
import type { Batch } from '../batch.ts'
import type { Session } from '../session.ts'

export interface GradientCall {
  /** Number of the estimate, from 0: one that draws directions may draw others for each. */
  readonly pass: number
  /** Where the gradient will be read, sorted; elsewhere a source may leave 0. */
  readonly needed: Uint32Array
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Estimates ∂loss/∂θ of the session's weights on a batch: flat, one number per parameter. */
export type GradientSource = (session: Session, batch: Batch, call: GradientCall) => Promise<Float32Array>

/** Coordinate-wise: one forward difference per parameter that is needed. Deterministic. */
export const coordinateGradient =
  ({ mu }: { readonly mu: number }): GradientSource =>
  async (session, batch, { needed, signal, onProgress }) => {
    const options = { mu, statistics: 'batch', signal, onProgress } as const
    const { values } = await session.differences(batch, needed, options)
    const gradient = new Float32Array(session.network.layout.parameterCount)
    needed.forEach((coordinate, i) => {
      gradient[coordinate] = values[i] as number
    })
    return gradient
  }

export interface RandomGradientOptions {
  /** q, directions per estimate. */
  readonly queries: number
  readonly directions: 'tensor' | 'sphere'
  readonly mu: number
  readonly seed: number
  /** Directions of their own for each pass (pass p uses numbers p·q …); otherwise all passes use the same ones. */
  readonly independentDraws: boolean
}

/** Randomised: q forward differences along random directions in all parameters, whatever is needed. */
export const randomGradient =
  ({ queries, directions, mu, seed, independentDraws }: RandomGradientOptions): GradientSource =>
  async (session, batch, { pass, signal, onProgress }) => {
    const { gradient } = await session.randomDifferences(batch, {
      count: queries,
      first: independentDraws ? pass * queries : 0,
      seed,
      directions,
      mu,
      statistics: 'batch',
      signal,
      onProgress,
    })
    return gradient
  }
