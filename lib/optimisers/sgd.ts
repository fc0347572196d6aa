/**
 * Stochastic gradient descent as PyTorch defines it, with the estimate in the gradient's place:
 *
 *     g ← g + λ·θ          weight decay
 *     b ← m·b + g          momentum, b = 0 before the first step
 *     g ← g + m·b          Nesterov; otherwise g ← b
 *     θ ← θ − lr·g
 *
 * A coordinate without an estimate has g = 0: momentum and weight decay still move it. Arithmetic in float64, θ and
 * b rounded to float32 once per step, in the order of the flat vector, so that a step gives the same bits everywhere.
 */

export interface Sgd {
  /** m, in [0, 1). */
  readonly momentum: number
  /** Look ahead along the momentum; has no effect at momentum 0. */
  readonly nesterov: boolean
  /** λ ≥ 0. */
  readonly weightDecay: number
}

/** What SGD remembers between steps: plain data, as long as the flat parameters. */
export interface SgdState {
  readonly momentum: Float32Array
}

/** The settings of SGD as data: `sgd({ momentum: 0.9 })`. */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: Partial<Sgd> = {}): Sgd {
  return { momentum, nesterov, weightDecay }
}

/** State before the first step for `count` parameters. */
export function sgdState(count: number): SgdState {
  return { momentum: new Float32Array(count) }
}

/**
 * One step, in place: moves `parameters` and `state`.
 * @param parameters flat, float32
 * @param gradient as long as `parameters`; 0 where there is no estimate
 * @param lr learning rate of this step
 */
export function sgdStep(
  parameters: Float32Array,
  gradient: Float32Array,
  state: SgdState,
  lr: number,
  { momentum, nesterov, weightDecay }: Sgd,
): void {
  const buffer = state.momentum
  if (gradient.length !== parameters.length || buffer.length !== parameters.length) {
    throw new RangeError(
      `expected a gradient and a momentum of ${parameters.length} values, received ${gradient.length} and ${buffer.length}`,
    )
  }
  for (let i = 0; i < parameters.length; i++) {
    const theta = parameters[i]!
    const g = gradient[i]! + weightDecay * theta
    const b = momentum * buffer[i]! + g
    buffer[i] = b
    parameters[i] = theta - lr * (nesterov ? g + momentum * b : b)
  }
}
