/**
 * The native surface, typed once. Only this file has the addon loaded (`lib/binary/` finds it); who may call it stands in
 * `test/layering.test.ts`. Native errors carry a `code`; `fromNative` (`lib/errors.ts`) makes `DeepZeroError`s of them.
 */
import { type Surroundings, surroundings } from './binary/describe.ts'
import { explainRejected, type Loaded, loadBinary } from './binary/load.ts'
import { DeepZeroError } from './errors.ts'
import type { LossName } from './networks/loss.ts'
import { packageRoot } from './package-file.ts'

/** Attribute values an op may carry. */
export type Attribute = boolean | number | string | readonly number[]

/** One op of a network; every key but `op`, `name` and `inputs` is an attribute of the op. */
export interface OpSpec {
  /** Kind of the op, such as `conv2d`. */
  readonly op: string
  /** Unique in the network; parameters are named after it. */
  readonly name: string
  /** Names of earlier ops, or `'input'`. */
  readonly inputs: readonly string[]
  readonly [attribute: string]: Attribute | readonly string[]
}

/** `deepzero-network/1`: a network as data. */
export interface NetworkSpec {
  /** Names this kind of description and its version. */
  readonly format: 'deepzero-network/1'
  /** What runs and reports call it. */
  readonly name: string
  /** Shape of one input image: channels, height, width. */
  readonly input: readonly [number, number, number]
  /** In topological order; the last one is the output. */
  readonly ops: readonly OpSpec[]
  /** What the outputs are compared by. */
  readonly loss: LossName
}

/** A tensor of the flat parameter or buffer vector. */
export interface TensorInfo {
  /** As PyTorch names it, such as `fc.weight`. */
  readonly name: string
  /** Outermost dimension first. */
  readonly shape: readonly number[]
  /** Index of its first element in the flat vector. */
  readonly offset: number
  /** Number of its elements. */
  readonly size: number
  /** Name of the op that owns it. */
  readonly op: string
  /** Kind of that op, such as `conv2d`. */
  readonly kind: string
  /** `weight`, `bias`, or `running_mean`, `running_var` for buffers. */
  readonly role: 'weight' | 'bias' | 'running_mean' | 'running_var'
  /** Initial value of a buffer. */
  readonly initial?: number
  /** Work of one query of a parameter with batch statistics, in multiply-adds per image; 0 where it is known to be 0. */
  readonly queryCost?: number
}

/** A network as the engine understands it: checked, with shapes and the layout of its flat vectors. */
export interface NetworkLayout {
  /** In the order of the flat parameter vector. */
  readonly parameters: readonly TensorInfo[]
  /** In the order of the flat vector of running statistics. */
  readonly buffers: readonly TensorInfo[]
  /** Length of the flat parameter vector. */
  readonly parameterCount: number
  /** Length of the flat vector of running statistics. */
  readonly bufferCount: number
  /** Number of outputs K of the last op. */
  readonly outputs: number
  /** Work of one full pass, in multiply-adds per image. */
  readonly passCost: number
  /** Output shape of each op, by name. */
  readonly shapes: Readonly<Record<string, readonly [number, number, number]>>
}

export interface NativeSessionOptions {
  readonly device: 'auto' | 'cpu' | 'cuda'
  /** CUDA ordinals; empty for all that can be used. */
  readonly devices: readonly number[]
  /** Worker threads of the CPU; 0 for one per core. */
  readonly threads: number
  /**
   * Budget in bytes: on the CPU for the differences of the queries in flight, all threads together; on CUDA for
   * everything on a device. 0 for the backend's own.
   */
  readonly memory: number
  /** Of differences; the CPU has no f16. */
  readonly precision: 'f32' | 'bf16' | 'f16'
}

/** What a session computes on. */
export interface NativeDevice {
  /** Kind of device, such as `cpu`. */
  readonly device: string
  /** Instruction set or architecture in use. */
  readonly isa: string
  /** Why not a better one; empty when there is none. */
  readonly reason: string
  /** Worker threads. */
  readonly threads: number
}

/** What a session computes on. */
export interface NativeSessionDevice extends NativeDevice {
  /**
   * Queries that the session has done twice: their differences were out of the range of `precision: 'f16'`, and so they
   * were done again in float32. Where they are many, `bf16` is faster.
   */
  readonly redone: number
}

/** The CUDA backend's library and what it can use. */
export interface NativeCuda {
  /** Where it is, or would be. */
  readonly path: string
  /** Why it is not used; empty when it is. */
  readonly reason: string
  /** The newest CUDA version that the driver knows, such as 13.0; empty without a driver or a library. */
  readonly driver: string
  /** CUDA version that the library is made with; empty without one. */
  readonly runtime: string
  /** What the library has code for, as CMake names it: `80-real,90a-real,90-virtual`. */
  readonly architectures: string
  /** Those that can be used. */
  readonly devices: readonly {
    readonly ordinal: number
    readonly name: string
    /** Compute capability, such as 9.0. */
    readonly capability: string
    /** Bytes. */
    readonly memory: number
  }[]
  /** Those that cannot, and why. */
  readonly rejected: readonly {
    readonly ordinal: number
    /** Empty where the device does not tell. */
    readonly name: string
    readonly reason: string
  }[]
}

export interface NativeBatch {
  /** [N, C, H, W] */
  readonly input: Float32Array
  /** [N], or null when there are none. */
  readonly labels: Int32Array | null
  /** [N, K], or null when there are none. */
  readonly targets: Float32Array | null
  readonly count: number
}

export interface NativeDifferencesOptions {
  readonly mu: number
  readonly scheme: 'forward' | 'central'
  readonly statistics: 'batch' | 'running'
  readonly method: 'propagation' | 'two-pass' | 'two-pass-f64'
  readonly updateRunning: boolean
  readonly labelSmoothing: number
}

export interface NativeOutputDifferencesOptions {
  readonly mu: number
  readonly scheme: 'forward' | 'central'
  readonly statistics: 'batch' | 'running'
  readonly updateRunning: boolean
}

/** Weights and running statistics, flat. */
export interface NativeWeights {
  readonly parameters: Float32Array
  readonly buffers: Float32Array
}

export interface NativeRandomDifferencesOptions extends NativeDifferencesOptions {
  readonly count: number
  /** Index of the first direction, from 0 to 2^32 − 1. */
  readonly first: number
  readonly seed: number
  readonly directions: 'sphere' | 'tensor' | 'gaussian' | 'rademacher'
}

export interface NativeForwardOptions {
  readonly statistics: 'batch' | 'running'
  readonly updateRunning: boolean
  readonly labelSmoothing: number
}

export interface NativeForwardResult {
  readonly loss: number
  readonly correct: number
  /** [N, K] */
  readonly outputs: Float32Array
}

export interface NativeDifferencesResult {
  readonly values: Float32Array
  readonly loss: number
  readonly correct: number
  /** Chunks of queries that each thread evaluated. */
  readonly threadChunks: Uint32Array
}

export interface NativeRandomDifferencesResult extends NativeDifferencesResult {
  /** [parameterCount] */
  readonly gradient: Float32Array
}

/** Stops a running call from the JavaScript thread. */
export interface NativeCancel {
  cancel(): void
}

export interface NativeSession {
  readonly device: NativeSessionDevice
  setParameters(values: Float32Array): void
  getParameters(): Float32Array
  setBuffers(values: Float32Array): void
  getBuffers(): Float32Array
  /** Copies the batch before it returns; the work runs on another thread. One call at a time. */
  forward(
    batch: NativeBatch,
    options: NativeForwardOptions,
    cancel: NativeCancel,
  ): Promise<NativeForwardResult>
  differences(
    batch: NativeBatch,
    coordinates: Uint32Array,
    options: NativeDifferencesOptions,
    cancel: NativeCancel,
    progress: ((done: number, total: number) => void) | null,
  ): Promise<NativeDifferencesResult>
  /** `coordinates`: the active set, null for all. Throws ERR_INVALID_ARGUMENT when it is empty or not a set. */
  randomDifferences(
    batch: NativeBatch,
    coordinates: Uint32Array | null,
    options: NativeRandomDifferencesOptions,
    cancel: NativeCancel,
    progress: ((done: number, total: number) => void) | null,
  ): Promise<NativeRandomDifferencesResult>
  /**
   * Δoutputs/mu, [coordinate, N, K], or [coordinate, 2, N, K] for +mu and −mu with the central scheme; of these weights,
   * not the session's own. Labels are not read.
   */
  outputDifferences(
    batch: NativeBatch,
    weights: NativeWeights,
    coordinates: Uint32Array,
    options: NativeOutputDifferencesOptions,
    cancel: NativeCancel,
  ): Promise<Float32Array>
  /** Frees everything; a call in flight is stopped and rejects with ERR_DISPOSED. May be called twice. */
  dispose(): void
}

export interface Native {
  readonly Session: new (network: NetworkSpec, options: NativeSessionOptions) => NativeSession
  readonly Cancel: new () => NativeCancel
  /** Compiles a network without weights: checks it and gives its layout. Throws ERR_NETWORK or ERR_SHAPE. */
  describe(network: NetworkSpec): NetworkLayout
  /** What `device: 'auto'` would pick here. Throws for a bad DEEPZERO_MAX_ISA. */
  device(): NativeDevice
  /** What there is of CUDA. */
  cuda(): NativeCuda
  /** All instruction sets that run here, best first. */
  instructionSets(): readonly string[]
  /** Philox4x32-10 words: `seed` is the key, `purpose` and `stream` the upper counter words, from word `offset` on. */
  randomWords(seed: number, purpose: number, stream: number, offset: number, out: Uint32Array): void
  /** Standard normal numbers of the same generator, from number `offset` on. */
  randomNormal(seed: number, purpose: number, stream: number, offset: number, out: Float32Array): void
}

let loaded: Loaded | undefined

/** What was loaded, and what was rejected before, with reasons and remedies. */
export function nativeBinary(): Loaded {
  loaded ??= loadBinary(packageRoot, { expected: Object.keys(native) })
  return loaded
}

/** The addon. Throws ERR_NATIVE_LOAD with what was tried and what to do. */
function addon(): Native {
  const { addon, rejected } = nativeBinary()
  if (addon) return addon as Native
  throw new DeepZeroError(
    'ERR_NATIVE_LOAD',
    `the native addon cannot be loaded on ${process.platform}-${process.arch}, Node ${process.version}. ${explainRejected(rejected)}`,
  )
}

/** The addon, loaded at its first use: without it the package still imports, and `deepzero doctor` can say why. */
export const native: Native = {
  get Session() {
    return addon().Session
  },
  get Cancel() {
    return addon().Cancel
  },
  describe: (network) => addon().describe(network),
  device: () => addon().device(),
  cuda: () => addon().cuda(),
  instructionSets: () => addon().instructionSets(),
  randomWords: (...key) => addon().randomWords(...key),
  randomNormal: (...key) => addon().randomNormal(...key),
}

/** What the binary and this process have to do with each other, for a report. */
export function nativeSurroundings(): Surroundings {
  const { path, origin } = nativeBinary()
  return surroundings(path && origin ? { path, origin } : undefined)
}
