/**
 * A session: a network and its weights on a device. It runs forward passes and finite differences, along coordinates or
 * random directions, off the event loop, one call after another in call order; inputs are copied before a method
 * returns. What `train` is built on, and what people with a loop of their own use.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { type Batch, copyBatch, nativeBatch } from './batch.ts'
import { CallQueue, disposed } from './call-queue.ts'
import { checkOptions, refusal, requireInstance, requireObject, requireString, unknownName } from './check.ts'
import { DeepZeroError, fromNative } from './errors.ts'
import {
  type NativeBatch,
  type NativeCancel,
  type NativeDevice,
  type NativeForwardOptions,
  type NativeSession,
  type NativeSessionDevice,
  native,
  type TensorInfo,
} from './native.ts'
import type { Network } from './networks/network.ts'
import {
  type PerturbedOutputs,
  type PerturbedOutputsOptions,
  perturbedOutputs,
  perturbedOutputsDefaults,
  perturbedOutputsShape,
} from './perturbed-outputs.ts'
import {
  type DifferencesOptions,
  differencesDefaults,
  differencesShape,
  type ForwardOptions,
  forwardDefaults,
  forwardShape,
  type RandomDifferencesOptions,
  randomDifferencesDefaults,
  randomDifferencesShape,
  type SessionOptions,
  sessionDefaults,
  sessionShape,
  settled,
} from './session-options.ts'
import type { DifferencesResult, ForwardResult, RandomDifferencesResult } from './session-results.ts'

/** One parameter or running statistic of a session, copied out. */
export interface SessionTensor {
  /** Of the parameter or buffer. */
  readonly name: string
  /** Outermost dimension first. */
  readonly shape: readonly number[]
  /** A copy of its values. */
  readonly data: Float32Array
}

/** Share of a call's queries done again in float32 from which it is worth a word. */
const REDONE_SHARE = 0.1

/** A network with weights on a device, and calls that compute with it; `createSession` makes one. */
export class Session {
  /** As it was given, without the weights that have been set since. */
  readonly network: Network
  readonly #native: NativeSession
  readonly #queue = new CallQueue()
  #knownReason: string
  #toldOfRedone = false

  /** Use `createSession`. */
  constructor(network: Network, session: NativeSession) {
    this.network = network
    this.#native = session
    this.#knownReason = session.device.reason
  }

  /**
   * Device, instruction set, why not better ones and which have failed meanwhile, threads, and queries done again in
   * float32.
   */
  get device(): NativeSessionDevice {
    return this.#native.device
  }

  /**
   * One pass over a batch. Rejects with ERR_SHAPE, ERR_INVALID_ARGUMENT (classes out of range), ERR_NOT_FINITE (input,
   * targets or loss), ERR_ABORTED or ERR_DISPOSED; the session is then as it was.
   */
  forward(batch: Batch, options: ForwardOptions = {}): Promise<ForwardResult> {
    return this.#call(this.forward, () => {
      checkOptions(options, forwardShape)
      const given = settled(options, forwardDefaults)
      const owned = this.#owned(batch, false)
      return {
        signal: options.signal,
        work: (cancel) => this.#forward(owned, given, cancel),
      }
    })
  }

  /**
   * One finite difference of the loss per coordinate, an index into the flat parameters (duplicates allowed). The
   * weights are bit-identical before and after; an estimate depends on neither threads nor the other coordinates.
   * Rejects as `forward` does.
   */
  differences(
    batch: Batch,
    coordinates: Uint32Array | readonly number[],
    options: DifferencesOptions = {},
  ): Promise<DifferencesResult> {
    return this.#call(this.differences, () => {
      checkOptions(options, differencesShape)
      const given = settled(options, differencesDefaults)
      const owned = this.#owned(batch, true)
      const indices = this.#coordinates(coordinates)
      return {
        signal: options.signal,
        work: async (cancel) => {
          const before = this.device.redone
          const result = await watched(options.onProgress, cancel, (progress) =>
            this.#native.differences(owned, indices, given, cancel, progress),
          )
          this.#tellOfRedone(
            this.device.redone - before,
            indices.length * (options.scheme === 'central' ? 2 : 1),
          )
          return { ...result, accuracy: accuracyOf(result, owned) }
        },
      }
    })
  }

  /**
   * A randomised gradient estimate: the finite differences of the loss along q random directions of all parameters at
   * once, or of an active set of them, and the gradient estimate they make. Each direction costs about two passes. The
   * same seed and index give the same direction whatever the active set (`docs/random.md`); the weights are bit-identical
   * before and after, and a result does not depend on threads. Progress counts directions. Rejects as `differences`
   * does, also for an active set that is empty or holds a coordinate twice.
   */
  randomDifferences(batch: Batch, options: RandomDifferencesOptions = {}): Promise<RandomDifferencesResult> {
    return this.#call(this.randomDifferences, () => {
      checkOptions(options, randomDifferencesShape)
      const given = settled(options, randomDifferencesDefaults)
      const owned = this.#owned(batch, true)
      const { coordinates } = options
      const active =
        coordinates === undefined ? null : this.#coordinates(coordinates, { name: 'options.coordinates' })
      return {
        signal: options.signal,
        work: async (cancel) => {
          const result = await watched(options.onProgress, cancel, (progress) =>
            this.#native.randomDifferences(owned, active, given, cancel, progress),
          )
          return { ...result, accuracy: accuracyOf(result, owned) }
        },
      }
    })
  }

  /**
   * The outputs of the perturbed networks, one after another, for a black box behind the network; `base` holds those of
   * the unperturbed one. The base pass is queued at once, and the iteration stays with the weights and running statistics
   * of that moment, whatever happens to them later. Wrong arguments are thrown; what goes wrong afterwards rejects `base`
   * and the iteration, as in `forward`. Leaving the loop leaves the session as it was.
   */
  perturbedOutputs(
    batch: Batch,
    coordinates: Uint32Array | readonly number[],
    options: PerturbedOutputsOptions = {},
  ): PerturbedOutputs {
    const at = callSite(this.perturbedOutputs)
    checkOptions(options, perturbedOutputsShape)
    const { signal } = options
    const { blockSize, updateRunning, ...given } = settled(options, perturbedOutputsDefaults)
    const owned = this.#owned(batch, false, true)
    const indices = this.#coordinates(coordinates, { kept: true })
    const pass = { statistics: given.statistics, updateRunning: false, labelSmoothing: 0 }
    const start = this.#queue.call(
      at,
      async (cancel) => {
        const weights = { parameters: this.#native.getParameters(), buffers: this.#native.getBuffers() }
        return { weights, result: await this.#forward(owned, pass, cancel) }
      },
      signal,
    )
    const base = start.then(({ result }) => result)
    // Whoever only iterates learns of it there.
    base.catch(() => {})
    const block = async (some: Uint32Array, moveRunning: boolean): Promise<Float32Array> => {
      const { weights } = await start
      const now = { ...given, updateRunning: moveRunning }
      return this.#queue.call(
        at,
        (cancel) => this.#native.outputDifferences(owned, weights, some, now, cancel),
        signal,
      )
    }
    const check = (): void => this.#queue.check(at, signal)
    return perturbedOutputs({ base, block, check }, indices, { ...given, updateRunning, blockSize })
  }

  /**
   * Replaces all parameters (flat). Throws ERR_NOT_FINITE, naming the parameter, or ERR_INVALID_ARGUMENT; this and the
   * other accessors throw ERR_BUSY while calls are running or waiting, and ERR_DISPOSED afterwards.
   */
  setParameters(values: Float32Array): void {
    const { parameterCount } = this.network.layout
    this.#access(() =>
      this.#native.setParameters(requireInstance('parameters', values, Float32Array, parameterCount)),
    )
  }

  /** A copy of all parameters (flat). */
  getParameters(): Float32Array {
    return this.#access(() => this.#native.getParameters())
  }

  /** Replaces all running statistics (flat). Throws ERR_NOT_FINITE or ERR_INVALID_ARGUMENT (negative variance). */
  setBuffers(values: Float32Array): void {
    const { bufferCount } = this.network.layout
    this.#access(() => this.#native.setBuffers(requireInstance('buffers', values, Float32Array, bufferCount)))
  }

  /** A copy of all running statistics (flat). */
  getBuffers(): Float32Array {
    return this.#access(() => this.#native.getBuffers())
  }

  /** A copy of one parameter or running statistic, by its PyTorch name. */
  tensor(name: string): SessionTensor {
    const { info, isParameter } = this.#find(name)
    const all = isParameter ? this.getParameters() : this.getBuffers()
    return { name, shape: info.shape, data: all.slice(info.offset, info.offset + info.size) }
  }

  /** Replaces one parameter or running statistic. */
  setTensor(name: string, values: Float32Array): void {
    const { info, isParameter } = this.#find(name)
    const all = isParameter ? this.getParameters() : this.getBuffers()
    all.set(requireInstance(name, values, Float32Array, info.size), info.offset)
    if (isParameter) this.setParameters(all)
    else this.setBuffers(all)
  }

  /**
   * Frees everything. A running call is stopped; it, waiting calls and later ones reject with ERR_DISPOSED. May be
   * called twice.
   */
  dispose(): void {
    this.#queue.close()
    this.#native.dispose()
  }

  /** `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  async #forward(
    batch: NativeBatch,
    options: NativeForwardOptions,
    cancel: NativeCancel,
  ): Promise<ForwardResult> {
    const { loss, correct, outputs } = await this.#native.forward(batch, options, cancel)
    return { loss, accuracy: accuracyOf({ correct }, batch), correct, outputs }
  }

  /** Prepares a call now (checks, copies) and queues its work; what the preparation throws rejects the promise. */
  #call<T>(method: (...args: never[]) => unknown, prepare: () => Prepared<T>): Promise<T> {
    const at = callSite(method)
    try {
      const { work, signal } = prepare()
      return this.#queue.call(at, (cancel) => this.#watched(work, cancel), signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A device that fails is left out, and the call goes on; whoever runs the process should know. */
  async #watched<T>(work: Prepared<T>['work'], cancel: NativeCancel): Promise<T> {
    try {
      return await work(cancel)
    } finally {
      const { reason } = this.device
      if (reason !== this.#knownReason) {
        this.#knownReason = reason
        process.emitWarning(reason, { type: 'DeepZeroWarning', code: 'DEEPZERO_DEVICE_FAILED' })
      }
    }
  }

  /** Where many queries of a call are done twice, another precision is faster: said once. */
  #tellOfRedone(redone: number, queries: number): void {
    if (this.#toldOfRedone || redone <= REDONE_SHARE * queries) return
    this.#toldOfRedone = true
    process.emitWarning(
      `${redone} of ${queries} queries were out of the range of float16 and were done again in float32; ` +
        "precision 'bf16' needs no second pass",
      { type: 'DeepZeroWarning', code: 'DEEPZERO_FLOAT16_RANGE' },
    )
  }

  /** Runs an accessor, which needs the session for itself. */
  #access<T>(work: () => T): T {
    if (!this.#queue.idle && !this.#queue.closed) {
      throw new DeepZeroError(
        'ERR_BUSY',
        'expected a session without running calls to read or change its weights; await its calls first',
      )
    }
    if (this.#queue.closed) throw disposed()
    try {
      return work()
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The native side copies when a call starts; one that waits, or is to be kept, is copied here. */
  #owned(batch: Batch, needsTarget: boolean, kept = false): NativeBatch {
    const { spec, layout } = this.network
    const sizes = { input: spec.input, outputs: layout.outputs, loss: spec.loss }
    const checked = nativeBatch(batch, sizes, needsTarget)
    return this.#queue.idle && !kept ? checked : copyBatch(checked)
  }

  #coordinates(
    coordinates: Uint32Array | readonly number[],
    { name = 'coordinates', kept = false } = {},
  ): Uint32Array {
    if (!(coordinates instanceof Uint32Array) && !Array.isArray(coordinates)) {
      throw refusal(name, 'a Uint32Array or an array of numbers', coordinates)
    }
    const { parameterCount } = this.network.layout
    for (let i = 0; i < coordinates.length; ++i) {
      const index = coordinates[i] as number
      if (!(Number.isInteger(index) && index >= 0 && index < parameterCount)) {
        throw refusal(`${name}[${i}]`, `an index of a parameter, 0 to ${parameterCount - 1}`, index)
      }
    }
    return coordinates instanceof Uint32Array && this.#queue.idle && !kept
      ? coordinates
      : Uint32Array.from(coordinates)
  }

  #find(name: string): { info: TensorInfo; isParameter: boolean } {
    requireString('name', name)
    const { parameters, buffers } = this.network.layout
    for (const info of [...parameters, ...buffers]) {
      if (info.name === name) return { info, isParameter: info.role === 'weight' || info.role === 'bias' }
    }
    const names = [...parameters, ...buffers].map((info) => info.name)
    throw unknownName(`${this.network.spec.name}: unknown tensor`, name, names, 'ERR_INVALID_ARGUMENT')
  }
}

interface Prepared<T> {
  readonly work: Parameters<typeof CallQueue.prototype.call<T>>[1]
  readonly signal?: AbortSignal | undefined
}

const accuracyOf = ({ correct }: { readonly correct: number }, { labels, count }: NativeBatch): number =>
  labels ? correct / count : Number.NaN

/** An error with the stack of whoever called a method. */
function callSite(method: (...args: never[]) => unknown): Error {
  const at = new Error()
  Error.captureStackTrace(at, method)
  return at
}

/** Runs a native call with progress; what `onProgress` throws stops the call and is thrown instead of its result. */
async function watched<T>(
  onProgress: DifferencesOptions['onProgress'],
  cancel: NativeCancel,
  start: (progress: ((done: number, total: number) => void) | null) => Promise<T>,
): Promise<T> {
  if (!onProgress) return start(null)
  let failure: { error: unknown } | undefined
  const running = start((done, total) => {
    if (failure) return
    try {
      onProgress(done, total)
    } catch (error) {
      failure = { error }
      cancel.cancel()
    }
  })
  const result = await running.catch((error: unknown) => {
    throw failure ? failure.error : error
  })
  if (failure) throw failure.error
  return result
}

/** What the binding counts memory in is bytes. */
const MIB = 2 ** 20

/**
 * A session on a device, with the network's weights or `options.weights`. Throws ERR_DEVICE when a named device cannot
 * be used or the CPU would be taken while `devices` are named, ERR_INVALID_ARGUMENT for a precision that the device does not have, ERR_NETWORK or ERR_SHAPE for a wrong
 * network, ERR_NOT_FINITE for NaN or infinity in the weights.
 */
export function createSession(network: Network, options: SessionOptions = {}): Session {
  requireObject('network', network)
  checkOptions(options, sessionShape)
  const devices = options.devices ?? sessionDefaults.devices
  if (options.device === 'cpu' && devices.length > 0)
    throw refusal('options.devices', "to be left out with device 'cpu'", devices)
  try {
    const session = new native.Session(network.spec, {
      device: options.device ?? sessionDefaults.device,
      devices,
      threads: options.threads ?? sessionDefaults.threads,
      memory: Math.ceil((options.memory ?? sessionDefaults.memory) * MIB),
      precision: options.precision ?? sessionDefaults.precision,
    })
    try {
      refuseUnusedDevices(session.device, devices)
      const { parameters, buffers = network.buffers } = options.weights ?? network
      const { parameterCount, bufferCount } = network.layout
      session.setParameters(requireInstance('weights.parameters', parameters, Float32Array, parameterCount))
      session.setBuffers(requireInstance('weights.buffers', buffers, Float32Array, bufferCount))
      return new Session(network, session)
    } catch (error) {
      session.dispose()
      throw error
    }
  } catch (error) {
    throw fromNative(error)
  }
}

/** Devices are CUDA's: whoever names some does not mean the CPU. */
function refuseUnusedDevices({ device, reason }: NativeDevice, devices: readonly number[]): void {
  if (device === 'cuda' || devices.length === 0) return
  throw new DeepZeroError(
    'ERR_DEVICE',
    `devices ${devices.join(', ')}: expected CUDA devices that can be used here, but the choice is the CPU` +
      `${reason ? ` (${reason})` : ''}; leave devices out, or see deepzero doctor`,
  )
}
