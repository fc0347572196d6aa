/**
 * The outputs of perturbed networks, one after another, for a black box behind the network. With Δ the finite difference
 * of all outputs [N, K] that moving coordinate i by sign·μ makes:
 *
 *     differences = Δ                       as difference propagation gives it, with all its digits at any μ
 *     outputs     = base outputs + Δ        added in float64, rounded once
 *
 * Networks are computed in blocks, each block in one call of the session. Between two blocks the session is free for
 * other calls, and for new weights: an iteration stays with the weights it started from.
 */
import { rule } from './check.ts'
import { DEFAULT_MU } from './schedules/smoothing.ts'
import type { Statistics } from './session-options.ts'
import type { ForwardResult } from './session-results.ts'

/** Options of `perturbedOutputs`. */
export interface PerturbedOutputsOptions {
  /** Smoothing step, above 0. */
  readonly mu?: number | undefined
  /** `forward` gives +μ for each coordinate, `central` +μ and then −μ. */
  readonly scheme?: 'forward' | 'central' | undefined
  /** Of batch norm: of this batch, or running ones. */
  readonly statistics?: Statistics | undefined
  /** Let the base pass update the running statistics once all networks were taken; only with batch statistics. */
  readonly updateRunning?: boolean | undefined
  /** Perturbed networks in a block; 0 for as many as fit 64 MiB of outputs, at most 256. */
  readonly blockSize?: number | undefined
  /** Stops the call: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/** What holds where an option is left out. */
export const perturbedOutputsDefaults = {
  mu: DEFAULT_MU,
  scheme: 'forward',
  statistics: 'batch',
  updateRunning: false,
  blockSize: 0,
} as const

export const perturbedOutputsShape = {
  mu: rule.number({ above: 0 }),
  scheme: rule.oneOf(['forward', 'central']),
  statistics: rule.oneOf(['batch', 'running']),
  updateRunning: rule.boolean(),
  blockSize: rule.integer({ min: 0 }),
  signal: rule.instance(AbortSignal),
}

/** One perturbed network. The arrays belong to the caller. */
export interface PerturbedOutput {
  /** Position in the list of coordinates, and the coordinate that stands there. */
  readonly index: number
  /** Flat index of the perturbed weight. */
  readonly coordinate: number
  /** The coordinate was moved by sign·μ. */
  readonly sign: 1 | -1
  /** [N, K] */
  readonly outputs: Float32Array
  /** `[N, K]`: how the outputs differ from those of the base pass, not divided by μ. */
  readonly differences: Float32Array
}

/** The perturbed networks in the order of the coordinates. It can be gone through once. */
export interface PerturbedOutputs extends AsyncGenerator<PerturbedOutput, void, void> {
  /** The unperturbed network on the batch: outputs [N, K], and loss and accuracy where there is a target. */
  readonly base: Promise<ForwardResult>
}

/** What an iteration asks of its session. */
export interface PerturbedOutputsSource {
  readonly base: Promise<ForwardResult>
  /** Scaled differences Δ/μ, [coordinate, sign, N, K]; its base pass may move the running statistics. */
  block(coordinates: Uint32Array, moveRunning: boolean): Promise<Float32Array>
  /** Throws when the session is disposed or the signal aborted. */
  check(): void
}

/** How much a block may hold unless the caller says. A block makes a base pass of its own, so few are better. */
const BLOCK_BYTES = 64 * 2 ** 20
const MOST_IN_BLOCK = 256

interface Settings {
  readonly mu: number
  readonly scheme: 'forward' | 'central'
  readonly updateRunning: boolean
  readonly blockSize: number
}

export const perturbedOutputs = (
  source: PerturbedOutputsSource,
  coordinates: Uint32Array,
  settings: Settings,
): PerturbedOutputs => Object.assign(iterate(source, coordinates, settings), { base: source.base })

async function* iterate(
  source: PerturbedOutputsSource,
  coordinates: Uint32Array,
  { mu, scheme, updateRunning, blockSize }: Settings,
): AsyncGenerator<PerturbedOutput, void, void> {
  const { outputs } = await source.base
  const signs = scheme === 'central' ? ([1, -1] as const) : ([1] as const)
  const fitting = Math.min(MOST_IN_BLOCK, Math.floor(BLOCK_BYTES / outputs.byteLength))
  const perBlock = Math.max(1, Math.floor((blockSize || fitting) / signs.length))
  for (let first = 0; first < coordinates.length; first += perBlock) {
    const moved = coordinates.subarray(first, first + perBlock)
    const scaled = await source.block(moved, false)
    let start = 0
    for (const [i, coordinate] of moved.entries()) {
      for (const sign of signs) {
        source.check()
        const end = start + outputs.length
        yield { index: first + i, coordinate, sign, ...move(outputs, scaled.subarray(start, end), mu) }
        start = end
      }
    }
  }
  if (updateRunning) await source.block(new Uint32Array(), true)
}

function move(base: Float32Array, scaled: Float32Array, mu: number) {
  const outputs = new Float32Array(base.length)
  const differences = new Float32Array(base.length)
  for (let i = 0; i < base.length; ++i) {
    const difference = mu * (scaled[i] as number)
    outputs[i] = (base[i] as number) + difference
    differences[i] = difference
  }
  return { outputs, differences }
}
