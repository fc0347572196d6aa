/** What a network is fed with, and its form for the native side: checked, and copied where the call has to wait. */
import { refusal, requireInstance, requireObject, show } from './check.ts'
import { DeepZeroError } from './errors.ts'
import type { NativeBatch } from './native.ts'
import type { LossName } from './networks/loss.ts'

/** N images, with what the network's loss compares its outputs with where a loss is wanted. */
export interface Batch {
  /** [N, C, H, W] */
  readonly input: Float32Array
  /** [N], classes from 0 to K − 1: of the loss `crossEntropy`. */
  readonly target?: Int32Array | Uint8Array | readonly number[] | undefined
  /** [N, K], finite numbers: of the loss `meanSquaredError`. */
  readonly targets?: Float32Array | undefined
  /** N; follows from `input` when left out. */
  readonly count?: number | undefined
}

/** Sizes that a batch is checked against. */
export interface BatchSizes {
  /** Shape of one image: C, H, W. */
  readonly input: readonly [number, number, number]
  /** Number of outputs K. */
  readonly outputs: number
  readonly loss: LossName
}

/**
 * The batch as the native side takes it, with the field that the loss reads: `target` or `targets`. Throws ERR_SHAPE when
 * sizes do not fit and ERR_INVALID_ARGUMENT for classes out of range, or none where `needsTarget`.
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
  const regression = sizes.loss === 'meanSquaredError'
  const name = regression ? 'targets' : 'target'
  const given = batch[name]
  const none = { input, labels: null, targets: null, count }
  if (given === undefined || given === null) {
    const wanted = regression ? `${count}×${sizes.outputs} numbers` : `${count} classes`
    if (needsTarget) throw refusal(`batch.${name}`, `${wanted} for the loss ${sizes.loss}`, given)
    return none
  }
  return regression
    ? { ...none, targets: numbers(given, count, sizes.outputs) }
    : { ...none, labels: classes(given, count, sizes.outputs) }
}

/** The engine looks whether they are finite. */
function numbers(targets: unknown, count: number, outputs: number): Float32Array {
  const checked = requireInstance('batch.targets', targets, Float32Array)
  if (checked.length !== count * outputs) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `batch.targets: expected ${count * outputs} numbers, ${outputs} for each image, received ${checked.length}`,
    )
  }
  return checked
}

function classes(
  target: NonNullable<Batch['target'] | Batch['targets']>,
  count: number,
  outputs: number,
): Int32Array {
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
export const copyBatch = ({ input, labels, targets, count }: NativeBatch): NativeBatch => ({
  input: input.slice(),
  labels: labels?.slice() ?? null,
  targets: targets?.slice() ?? null,
  count,
})
