/**
 * The native surface, typed once. Only this file loads the addon; only `lib/session.ts` and `lib/random.ts`, and
 * network building, call it. Native errors carry a `code`; `session.ts` turns them into `DeepZeroError`.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DeepZeroError } from './errors.ts'
import type { LossName } from './networks/loss.ts'

/** Attribute values an op may carry. */
export type Attribute = boolean | number | string | readonly number[]

/** One op of a network; every key but `op`, `name` and `inputs` is an attribute of the op. */
export interface OpSpec {
  readonly op: string
  readonly name: string
  /** Names of earlier ops, or `'input'`. */
  readonly inputs: readonly string[]
  readonly [attribute: string]: Attribute | readonly string[]
}

/** `deepzero-network/1`: a network as data. */
export interface NetworkSpec {
  readonly format: 'deepzero-network/1'
  readonly name: string
  /** Shape of one input image: channels, height, width. */
  readonly input: readonly [number, number, number]
  /** In topological order; the last one is the output. */
  readonly ops: readonly OpSpec[]
  readonly loss: LossName
}

/** A tensor of the flat parameter or buffer vector. */
export interface TensorInfo {
  readonly name: string
  readonly shape: readonly number[]
  readonly offset: number
  readonly size: number
  /** Name of the op that owns it, and that op's kind. */
  readonly op: string
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
  readonly parameters: readonly TensorInfo[]
  readonly buffers: readonly TensorInfo[]
  readonly parameterCount: number
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
  /** Worker threads of the CPU; 0 for one per core. */
  readonly threads: number
  /**
   * Budget in bytes: on the CPU for the differences of the queries in flight, all threads together; on CUDA for
   * everything on a device. 0 for the backend's own.
   */
  readonly memory: number
  /** Of differences; the CPU has f32 and bf16, CUDA f32 and f16. */
  readonly precision: 'f32' | 'bf16' | 'f16'
}

export interface NativeDevice {
  readonly device: string
  readonly isa: string
  /** Why not a better one; empty when there is none. */
  readonly reason: string
  readonly threads: number
}

/** The CUDA backend's library and what it can use. */
export interface NativeCuda {
  /** Where it is, or would be. */
  readonly path: string
  /** Why it is not used; empty when it is. */
  readonly reason: string
  readonly devices: readonly {
    readonly ordinal: number
    readonly name: string
    /** Compute capability, such as 9.0. */
    readonly capability: string
    /** Bytes. */
    readonly memory: number
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
  readonly device: NativeDevice
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

const require = createRequire(import.meta.url)
/** The package's root, from `lib/` as from `dist/`. */
const root = fileURLToPath(new URL('..', import.meta.url))

/** Loads the addon: a local build, else a prebuilt binary. Throws ERR_NATIVE_LOAD with the paths tried and a remedy. */
function load(): Native {
  try {
    return (require('node-gyp-build') as (directory: string) => Native)(root)
  } catch (first) {
    try {
      return (require('bindings') as (options: object) => Native)({
        bindings: 'deepzero_native',
        module_root: root,
      })
    } catch (second) {
      throw new DeepZeroError(
        'ERR_NATIVE_LOAD',
        `the native addon cannot be loaded on ${process.platform}-${process.arch}, Node ${process.version}. ` +
          'Build it with `npm rebuild deepzero-native` (`npm run build:native` in a checkout); that needs CMake ' +
          `3.25 and a C++20 compiler. Tried prebuilt binaries: ${reason(first)}. Tried local builds: ${reason(second)}`,
        { cause: first },
      )
    }
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim()

let loaded: Native | undefined
const addon = (): Native => {
  loaded ??= load()
  return loaded
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

/** The file that holds the loaded addon. Throws ERR_NATIVE_LOAD where there is none. */
export function nativePath(): string {
  const file = addon()
  return Object.keys(require.cache).find((path) => require.cache[path]?.exports === file) ?? 'unknown'
}
