/**
 * A black box behind the network as the loss: with z(θ) the outputs of the network on a batch and f any function of them,
 *
 *     forward   g_i = (f(z(θ + μ·e_i)) − f(z(θ))) / μ
 *     central   g_i = (f(z(θ + μ·e_i)) − f(z(θ − μ·e_i))) / 2μ
 *
 * The network's part is difference propagation (`session.perturbedOutputs`); f gets outputs in float32, and its values
 * are subtracted. docs/black-box-head.md says what that means for the choice of μ.
 */
import type { Batch } from '../batch.ts'
import { aborted } from '../call-queue.ts'
import { checkOptions, refusal, requireFunction, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import {
  type PerturbedOutput,
  type PerturbedOutputsOptions,
  perturbedOutputsDefaults,
  perturbedOutputsShape,
} from '../perturbed-outputs.ts'
import type { Session } from '../session.ts'
import type { ForwardOptions } from '../session-options.ts'
import type { ForwardResult } from '../session-results.ts'

const headFaults = new WeakSet<DeepZeroError>()

/** Whether an error comes from f or is about a value of f: f's fault, whatever the weights are. */
export const isHeadFault = (error: DeepZeroError): boolean => headFaults.has(error)

/** f of the outputs [N, K] of one network on a batch. */
export type HeadFunction<B extends Batch = Batch> = (
  outputs: Float32Array,
  batch: B,
) => number | Promise<number>

/** f of the outputs of several networks: as many values, in their order. */
export type HeadBatchFunction<B extends Batch = Batch> = (
  outputs: Float32Array[],
  batch: B,
) => ArrayLike<number> | Promise<ArrayLike<number>>

/** How the function of a head is called. */
export interface BlackBoxHeadOptions {
  /** Most calls of f in flight at a time. */
  readonly concurrency?: number | undefined
  /** f takes an array of the outputs of up to so many networks and gives an array of as many values. */
  readonly batchSize?: number | undefined
}

/** What holds where an option is left out. */
export const blackBoxHeadDefaults = { concurrency: 1 } as const

/** Options of `blackBoxHead(…).differences`. */
export interface HeadDifferencesOptions extends PerturbedOutputsOptions {
  /** Called after each call of f with the coordinates done. What it throws rejects the call. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Options of `blackBoxHead(…).forward`. */
export type HeadForwardOptions = Pick<ForwardOptions, 'statistics' | 'signal'>

/** What `blackBoxHead(…).differences` resolves to. */
export interface HeadDifferencesResult {
  /** One estimate of ∂f/∂θ per coordinate, in the order given. */
  readonly values: Float32Array
  /** f of the base outputs. */
  readonly loss: number
  /** Share of the images whose largest output is the target; NaN without a target. */
  readonly accuracy: number
  /** Images that the outputs classify rightly; 0 without labels. */
  readonly correct: number
}

const differencesShape = { ...perturbedOutputsShape, onProgress: rule.function() }
const forwardShape = {
  statistics: perturbedOutputsShape.statistics,
  signal: perturbedOutputsShape.signal,
}

/**
 * A loss made of a function. Its arrays are f's own; f may be asynchronous, and gets the batch that was passed, with
 * whatever else it holds.
 *
 * Calls reject with ERR_NOT_FINITE, naming the query, when f gives anything but a finite number, and with the error of f
 * as it is. No call of f is started after that, and those in flight are awaited. An abort waits for none.
 */
export class BlackBoxHead<B extends Batch = Batch> {
  readonly #f: HeadFunction<B> | HeadBatchFunction<B>
  readonly #concurrency: number
  readonly #batchSize: number | undefined

  /** Use `blackBoxHead`. */
  constructor(f: HeadFunction<B> | HeadBatchFunction<B>, options: BlackBoxHeadOptions) {
    requireFunction('f', f)
    checkOptions(options, { concurrency: rule.integer({ min: 1 }), batchSize: rule.integer({ min: 1 }) })
    this.#f = f
    this.#concurrency = options.concurrency ?? blackBoxHeadDefaults.concurrency
    this.#batchSize = options.batchSize
  }

  /** A forward pass with f as the loss: the counterpart of `session.forward`. */
  async forward(session: Session, batch: B, options: HeadForwardOptions = {}): Promise<ForwardResult> {
    checkOptions(options, forwardShape)
    const result = await session.forward(batch, options)
    return { ...result, loss: await this.#loss(result, batch, options.signal) }
  }

  /**
   * One finite difference of f per coordinate: the counterpart of `session.differences`. Where the outputs do not move
   * the estimate is 0, and f is not called.
   */
  async differences(
    session: Session,
    batch: B,
    coordinates: Uint32Array | readonly number[],
    options: HeadDifferencesOptions = {},
  ): Promise<HeadDifferencesResult> {
    checkOptions(options, differencesShape)
    const { onProgress, ...given } = options
    const { mu = perturbedOutputsDefaults.mu, scheme = perturbedOutputsDefaults.scheme, signal } = given
    const sides = scheme === 'central' ? 2 : 1
    const networks = session.perturbedOutputs(batch, coordinates, given)
    const base = await networks.base
    const loss = await this.#loss(base, batch, signal)

    const total = coordinates.length
    const found = new Float64Array(sides * total).fill(loss)
    const failures: unknown[] = []
    let untaken = found.length
    let done = 0

    const take = async (): Promise<PerturbedOutput[]> => {
      const taken: PerturbedOutput[] = []
      while (taken.length < (this.#batchSize ?? 1) && untaken > 0 && failures.length === 0) {
        untaken -= 1
        const { value } = await networks.next()
        if (value) taken.push(value)
      }
      return taken
    }
    /** Each worker holds the networks of one call, so that memory goes with the concurrency. */
    const work = async (): Promise<void> => {
      for (let taken = await take(); taken.length > 0 && failures.length === 0; taken = await take()) {
        const moving = taken.filter(({ differences }) => differences.some((d) => d !== 0))
        const outputs = moving.map((network) => network.outputs)
        const values = await this.#values(outputs, batch, (i) => place(moving[i] as PerturbedOutput), signal)
        moving.forEach(({ index, sign }, i) => {
          found[sides * index + (sign === 1 ? 0 : 1)] = values[i] as number
        })
        done += taken.length
        onProgress?.(Math.floor(done / sides), total)
      }
    }
    const worker = (): Promise<unknown> => work().catch((error: unknown) => failures.push(error))
    const workers = Math.min(this.#concurrency, Math.ceil(found.length / (this.#batchSize ?? 1)))
    await Promise.all(Array.from({ length: workers }, worker))
    if (failures.length > 0) throw failures[0]

    const values = Float32Array.from({ length: total }, (_, i) => {
      const up = found[sides * i] as number
      const down = sides === 2 ? (found[2 * i + 1] as number) : loss
      return (up - down) / (sides * mu)
    })
    const bad = values.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) {
      throw refusal(
        `the estimate of coordinate ${coordinates[bad]}`,
        'a finite number',
        values[bad],
        'ERR_NOT_FINITE',
      )
    }
    // Ends the iteration: the running statistics move where that was asked for.
    await networks.next()
    return { values, loss, accuracy: base.accuracy, correct: base.correct }
  }

  async #loss({ outputs }: ForwardResult, batch: B, signal: AbortSignal | undefined): Promise<number> {
    const [loss] = await this.#values([outputs.slice()], batch, () => 'θ', signal)
    return loss as number
  }

  /** f of some networks; `where` says which one, for messages. What it throws is known as f's fault. */
  async #values(
    outputs: Float32Array[],
    batch: B,
    where: (i: number) => string,
    signal: AbortSignal | undefined,
  ): Promise<number[]> {
    try {
      return await this.#ask(outputs, batch, where, signal)
    } catch (error) {
      if (error instanceof DeepZeroError) headFaults.add(error)
      throw error
    }
  }

  async #ask(
    outputs: Float32Array[],
    batch: B,
    where: (i: number) => string,
    signal: AbortSignal | undefined,
  ): Promise<number[]> {
    const [first] = outputs
    if (!first) return []
    const values =
      this.#batchSize === undefined
        ? [await unlessAborted(signal, (this.#f as HeadFunction<B>)(first, batch))]
        : await unlessAborted(signal, (this.#f as HeadBatchFunction<B>)(outputs, batch))
    if (values?.length !== outputs.length) {
      throw refusal('f', `${outputs.length} values, one for each of the networks`, values)
    }
    return Array.from(values, (value, i) => {
      if (Number.isFinite(value)) return value
      throw refusal(`f at ${where(i)}`, 'a finite number', value, 'ERR_NOT_FINITE')
    })
  }
}

/** Makes f a loss. Throws ERR_INVALID_ARGUMENT or ERR_UNKNOWN_OPTION. */
export function blackBoxHead<B extends Batch = Batch>(
  f: HeadFunction<B>,
  options?: BlackBoxHeadOptions & { readonly batchSize?: undefined },
): BlackBoxHead<B>
export function blackBoxHead<B extends Batch = Batch>(
  f: HeadBatchFunction<B>,
  options: BlackBoxHeadOptions & { readonly batchSize: number },
): BlackBoxHead<B>
export function blackBoxHead<B extends Batch>(
  f: HeadFunction<B> | HeadBatchFunction<B>,
  options: BlackBoxHeadOptions = {},
): BlackBoxHead<B> {
  return new BlackBoxHead(f, options)
}

const place = ({ coordinate, sign }: PerturbedOutput): string =>
  `θ ${sign === 1 ? '+' : '−'} μ·e[${coordinate}]`

/** The value, or ERR_ABORTED as soon as the signal is aborted. */
function unlessAborted<T>(signal: AbortSignal | undefined, value: T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(signal))
    const leave = (): void => signal?.removeEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    Promise.resolve(value).then(resolve, reject).finally(leave)
  })
}
