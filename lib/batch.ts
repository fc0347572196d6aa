/** What a network is fed with, and its form for the native side: checked, and copied where the call has to wait. */
import { refusal, requireInstance, requireObject, show } from './check.ts'
import { DeepZeroError } from './errors.ts'
import type { NativeBatch } from './native.ts'

/** N images, with their classes where a loss is wanted. */
export interface Batch {
  /** [N, C, H, W] */
  readonly input: Float32Array
  /** [N], classes from 0 to K − 1; a Float32Array of numbers to predict, [N, K], is for a black-box head alone. */
  readonly target?: Int32Array | Uint8Array | Float32Array | readonly number[] | undefined
  /** N; follows from `input` when left out. */
  readonly count?: number | undefined
}

/** Sizes that a batch is checked against. */
export interface BatchSizes {
  /** Shape of one image: C, H, W. */
  readonly input: readonly [number, number, number]
  /** Number of classes K. */
  readonly outputs: number
}

/**
 * The batch as the native side takes it. Throws ERR_SHAPE when sizes do not fit and ERR_INVALID_ARGUMENT for classes
 * out of range, or none where `needsTarget`.
 */
export function nativeBatch(batch: Batch, sizes: BatchSizes, needsTarget: boolean): NativeBatch {
  requireObject('batch', batch)
  const input = requireInstance('batch.input', batch.input, Float32Array)
  const [c, h, w] = sizes.input
  const count = input.length / (c * h * w)
  if (!Number.isInteger(count) || count < 1 || (batch.count !== undefined && batch.count !== count)) {
    const images =
      batch.count === undefined ? 'a whole number of images, at least one,' : `${show(batch.count)} images`
    throw new DeepZeroError(
      'ERR_SHAPE',
      `batch.input: expected ${images} of ${c}×${h}×${w} = ${c * h * w} numbers, received ${input.length} numbers`,
    )
  }
  if (batch.target === undefined || batch.target === null) {
    if (needsTarget) throw refusal('batch.target', `${count} classes`, batch.target)
    return { input, labels: null, count }
  }
  if (batch.target instanceof Float32Array && !needsTarget) return { input, labels: null, count }
  return { input, labels: classes(batch.target, count, sizes.outputs), count }
}

function classes(target: NonNullable<Batch['target']>, count: number, outputs: number): Int32Array {
  const known = target instanceof Int32Array || target instanceof Uint8Array || Array.isArray(target)
  if (!known) throw refusal('batch.target', 'an Int32Array, a Uint8Array or an array of numbers', target)
  if (target.length !== count) {
    throw new DeepZeroError('ERR_SHAPE', `batch.target: expected ${count} classes, received ${target.length}`)
  }
  for (let i = 0; i < count; ++i) {
    const label = target[i]
    if (!(typeof label === 'number' && Number.isInteger(label) && label >= 0 && label < outputs)) {
      throw refusal(`batch.target[${i}]`, `a class from 0 to ${outputs - 1}`, label)
    }
  }
  return target instanceof Int32Array ? target : Int32Array.from(target)
}

/** A copy that no later write of the caller's reaches. */
export const copyBatch = ({ input, labels, count }: NativeBatch): NativeBatch => ({
  input: input.slice(),
  labels: labels?.slice() ?? null,
  count,
})
