/**
 * Which members of a data set make each batch of an epoch, and how images are cropped; the same from any step on, so that
 * a resumed run sees what the interrupted one would have seen.
 *
 * Order: `permutation` of purpose shuffle, stream epoch. Augmentation: word p of purpose augmentation, stream epoch,
 * for the image at position p of the epoch (`assemble.ts` says what becomes of it).
 */
import { checkOptions, refusal, requireInteger, rule } from '../check.ts'
import { Purpose, permutation, randomWords } from '../random.ts'
import { checkDataset, type Dataset } from './dataset.ts'

/** How an epoch is cut into batches. */
export interface BatchOptions {
  /** Images in a batch; the last batch of an epoch may be smaller. */
  readonly batchSize: number
  /** Names shuffles and augmentation; 0 by default. */
  readonly seed?: number | undefined
  /** Counted from 0; a stream of its own for shuffle and augmentation. 0 by default. */
  readonly epoch?: number | undefined
  /** First step to give, counted from 0; 0 by default. */
  readonly start?: number | undefined
  /** Off by default: the order of the set. */
  readonly shuffle?: boolean | undefined
  /** Pad-4-and-crop and mirroring; off by default. */
  readonly augment?: boolean | undefined
}

export const batchShape = {
  batchSize: rule.integer({ min: 1 }),
  seed: rule.integer({ min: 0 }),
  epoch: rule.integer({ min: 0, max: 2 ** 32 - 1 }),
  start: rule.integer({ min: 0 }),
  shuffle: rule.boolean(),
  augment: rule.boolean(),
}

/** Steps of one epoch; the last batch may be smaller. */
export function stepsPerEpoch(dataset: Dataset, batchSize: number): number {
  requireInteger('batchSize', batchSize, { min: 1 })
  return Math.ceil(dataset.count / batchSize)
}

/** The members of one batch. */
export interface Members {
  readonly indices: Uint32Array
  /** A word per member that says how it is cropped; undefined for not at all. */
  readonly draws: Uint32Array | undefined
}

export interface Epoch {
  /** Steps from `start` to before `steps` are to be given. */
  readonly start: number
  readonly steps: number
  members(step: number): Members
}

/** A crop or a mirrored image does not belong to the numbers that were to be predicted of the whole one. */
export function checkAugment({ targets }: Dataset, augment: boolean): void {
  if (targets !== undefined && augment)
    throw refusal('options.augment', 'false for a set with targets, which do not follow the crops', augment)
}

/** Checks set and options. Throws as `checkDataset`, ERR_INVALID_ARGUMENT or ERR_UNKNOWN_OPTION. */
export function planEpoch(dataset: Dataset, options: BatchOptions): Epoch {
  checkOptions(options, batchShape)
  checkDataset(dataset)
  const { batchSize, seed = 0, epoch = 0, start = 0, shuffle = false, augment = false } = options
  checkAugment(dataset, augment)
  const { count } = dataset
  const steps = stepsPerEpoch(dataset, batchSize)
  if (start > steps) throw refusal('options.start', `a step from 0 to ${steps}`, start)
  const order = shuffle ? permutation({ seed, purpose: Purpose.shuffle, stream: epoch }, count) : undefined
  return {
    start,
    steps,
    members(step) {
      const first = step * batchSize
      const size = Math.min(batchSize, count - first)
      const draws = augment
        ? randomWords({ seed, purpose: Purpose.augmentation, stream: epoch }, size, first)
        : undefined
      const indices = Uint32Array.from({ length: size }, (_, i) =>
        order === undefined ? first + i : (order[first + i] as number),
      )
      return { indices, draws }
    },
  }
}
