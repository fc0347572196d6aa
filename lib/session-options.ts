/**
 * The options of a session and of its calls: what each one is, what it is when not given, and what is refused.
 */
import { rule } from './check.ts'
import { DeepZeroError } from './errors.ts'
import { type DirectionKind, directionKinds } from './estimators/direction.ts'
import { DEFAULT_MU } from './schedules/smoothing.ts'

/** Weights and running statistics, flat. */
export interface Weights {
  /** All parameters, flat. */
  readonly parameters: Float32Array
  /** Running statistics, flat; those of the network without it. */
  readonly buffers?: Float32Array | undefined
}

export const precisions = ['f32', 'bf16', 'f16'] as const
export type Precision = (typeof precisions)[number]

/** The device to compute on; `auto` takes the best there is. */
export type DeviceChoice = 'auto' | 'cpu' | 'cuda'

/** Options of `createSession`. */
export interface SessionOptions {
  /** Start from these instead of the network's own weights. */
  readonly weights?: Weights | undefined
  /**
   * `auto` takes CUDA where a device can be used and, in a trial, computes what the CPU does, and else the CPU; a named
   * device is taken or refused (ERR_DEVICE).
   */
  readonly device?: DeviceChoice | undefined
  /** CUDA devices to use, by number as `deepzero doctor` prints them; all that can be used unless given. */
  readonly devices?: readonly number[] | undefined
  /** Worker threads of the CPU; 0 for one per core. */
  readonly threads?: number | undefined
  /**
   * MiB, up to 2^24. On the CPU for the differences in flight, all threads together; on CUDA for everything on a device.
   * 0 for the backend's own: 1 GiB, 80 % of what is free on the device.
   */
  readonly memory?: number | undefined
  /**
   * Of the differences of queries along coordinates. `f32` rounds nothing. `bf16`: on the CPU, differences are bfloat16
   * while they wait in memory for the rest of the batch, before batch norm with batch statistics; on CUDA, they are stored
   * so behind every op, and tensor cores take them and weights of that precision. `f16`, on CUDA: the same in float16,
   * where a query that leaves its range is done again in float32. Either halves that memory and its traffic. All sums
   * are float32 in any case. Estimates then err by up to some 1e-3 of themselves (`bf16` on CUDA: 1e-2) instead of 1e-5.
   */
  readonly precision?: Precision | undefined
}

/** What holds where an option is left out. */
export const sessionDefaults = {
  device: 'auto',
  devices: [],
  threads: 0,
  memory: 0,
  precision: 'f32',
} as const

/** MiB. The end is beyond any machine, and below a number of bytes that somebody meant. */
export const memoryBounds = { min: 0, max: 2 ** 24 } as const

export const sessionShape = {
  weights: rule.object(),
  device: rule.oneOf(['auto', 'cpu', 'cuda']),
  devices: rule.integers({ min: 0, max: 1023 }),
  threads: rule.integer({ min: 0, max: 1024 }),
  memory: rule.number(memoryBounds),
  precision: rule.oneOf(precisions),
}

/** What batch norm normalises with: the batch's statistics (training) or the running ones (evaluation). */
export type Statistics = 'batch' | 'running'

/** Options of `session.forward`. */
export interface ForwardOptions {
  /** Of batch norm: of this batch, or running ones. */
  readonly statistics?: Statistics | undefined
  /** Let the pass update the running statistics; only with batch statistics. */
  readonly updateRunning?: boolean | undefined
  /** s in [0, 1): the loss is the cross-entropy to targets (1 − s)·onehot + s/K. 0 with another loss. */
  readonly labelSmoothing?: number | undefined
  /** Stops the call: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/** What holds where an option is left out. */
export const forwardDefaults = { statistics: 'running', updateRunning: false, labelSmoothing: 0 } as const

export const forwardShape = {
  statistics: rule.oneOf(['batch', 'running']),
  updateRunning: rule.boolean(),
  labelSmoothing: rule.number({ min: 0, below: 1 }),
  signal: rule.instance(AbortSignal),
}

/** Options of `session.differences`. */
export interface DifferencesOptions {
  /** Smoothing step, above 0. */
  readonly mu?: number | undefined
  /** (f(θ + μe) − f(θ))/μ, or (f(θ + μe) − f(θ − μe))/2μ. */
  readonly scheme?: 'forward' | 'central' | undefined
  /** Of batch norm: of this batch, or running ones. */
  readonly statistics?: Statistics | undefined
  /** Difference propagation, or two full passes a query in float32 or float64. */
  readonly method?: 'propagation' | 'two-pass' | 'two-pass-f64' | undefined
  /** Let the base pass update the running statistics; only with batch statistics. The queries never do. */
  readonly updateRunning?: boolean | undefined
  /** s in [0, 1): the loss is the cross-entropy to targets (1 − s)·onehot + s/K. 0 with another loss. */
  readonly labelSmoothing?: number | undefined
  /** Stops the call: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second, and at the end. What it throws stops the call and rejects it. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What holds where an option is left out. */
export const differencesDefaults = {
  mu: DEFAULT_MU,
  scheme: 'forward',
  statistics: 'batch',
  method: 'propagation',
  updateRunning: false,
  labelSmoothing: 0,
} as const

export const differencesShape = {
  ...forwardShape,
  mu: rule.number({ above: 0 }),
  scheme: rule.oneOf(['forward', 'central']),
  method: rule.oneOf(['propagation', 'two-pass', 'two-pass-f64']),
  onProgress: rule.function(),
}

/** Options of `session.randomDifferences`. */
export interface RandomDifferencesOptions extends DifferencesOptions {
  /** Number q of directions. */
  readonly count?: number | undefined
  /** Index of the first direction, from 0 to 2^32 − 1; the others follow, modulo 2^32. */
  readonly first?: number | undefined
  /** From 0 to 2^53 − 1. */
  readonly seed?: number | undefined
  /** `sphere`: unit vectors; `tensor`: a unit vector in each parameter tensor; `gaussian`; `rademacher`: ±1. */
  readonly directions?: DirectionKind | undefined
  /** The active set, each coordinate once; directions are 0 elsewhere. All parameters unless given. */
  readonly coordinates?: Uint32Array | readonly number[] | undefined
}

/** What holds where an option is left out. */
export const randomDifferencesDefaults = {
  ...differencesDefaults,
  count: 1,
  first: 0,
  seed: 0,
  directions: 'sphere',
} as const

export const randomDifferencesShape = {
  ...differencesShape,
  count: rule.integer({ min: 1, max: 2 ** 32 - 1 }),
  first: rule.integer({ min: 0, max: 2 ** 32 - 1 }),
  seed: rule.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  directions: rule.oneOf(directionKinds),
  coordinates: rule.any,
}

/** The options that have defaults, filled in. Throws where running statistics are to be used and updated. */
export function settled<T extends object>(options: object, defaults: T): { [K in keyof T]: Widened<T[K]> } {
  const filled = { ...defaults } as Record<string, unknown>
  for (const key of Object.keys(defaults)) {
    const value = (options as Record<string, unknown>)[key]
    if (value !== undefined) filled[key] = value
  }
  const { statistics, updateRunning } = filled
  if (updateRunning === true && statistics === 'running') {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      "options.updateRunning: expected false with statistics 'running', received true; use statistics 'batch'",
    )
  }
  return filled as unknown as { [K in keyof T]: Widened<T[K]> }
}

type Widened<T> = T extends boolean ? boolean : T extends number ? number : T
