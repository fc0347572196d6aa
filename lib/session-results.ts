/** What the calls of a session give. */

export interface ForwardResult {
  /** Mean over the batch; NaN without a target. */
  readonly loss: number
  /** Share of the images whose largest output is the target; NaN without a class to compare with. */
  readonly accuracy: number
  /** Images that the outputs classify rightly. */
  readonly correct: number
  /** [N, K] */
  readonly outputs: Float32Array
}

/** What `session.differences` resolves to. */
export interface DifferencesResult {
  /** One estimate of ∂loss/∂θ per coordinate, in the order given. */
  readonly values: Float32Array
  /** Loss, accuracy (NaN with the loss `meanSquaredError`) and hits of the base pass. */
  readonly loss: number
  /** Of the unperturbed network on this batch. */
  readonly accuracy: number
  /** Images that the unperturbed network classifies rightly. */
  readonly correct: number
  /** How many chunks of queries each thread evaluated. */
  readonly threadChunks: Uint32Array
}

/** What `session.randomDifferences` resolves to. */
export interface RandomDifferencesResult extends DifferencesResult {
  /** `[q]`: the difference along each direction, D_k = (f(θ + μu_k) − f(θ))/μ or its central form. */
  readonly values: Float32Array
  /**
   * `[parameterCount]`: the gradient estimate, 0 outside the active set of d coordinates: (d/q)·Σ D_k·u_k for `sphere`,
   * (1/q)·Σ D_k·u_k for the other kinds.
   */
  readonly gradient: Float32Array
  /** How many directions each thread evaluated. */
  readonly threadChunks: Uint32Array
}
