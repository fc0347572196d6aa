/**
 * Batches of an image set: shuffled, augmented and normalised, from any step of an epoch with the same bits, so that
 * a resumed run sees what the interrupted one would have seen.
 *
 * Order: `permutation` of purpose shuffle, stream epoch. Augmentation: word p of purpose augmentation, stream epoch,
 * for the image at position p of the epoch; an integer below 162 from it gives row (0–8) and column (0–8) of the crop
 * from the image padded by four black pixels, and whether it is mirrored. Normalisation: (value / 255 − mean) / std,
 * from a table of 256 float32 numbers per channel.
 */
import { checkOptions, refusal, requireInteger, rule } from '../check.ts'
import { Purpose, permutation, randomWords } from '../random.ts'
import type { AnyDataset, Batch, Dataset, RegressionBatch, RegressionDataset } from './dataset.ts'

/** How a split is cut into batches. */
export interface BatchOptions {
  /** Images in a batch; the last batch of an epoch may be smaller. */
  readonly batchSize: number
  /** Names shuffles and augmentation; 0 by default. */
  readonly seed?: number
  /** Counted from 0; a stream of its own for shuffle and augmentation. 0 by default. */
  readonly epoch?: number
  /** First step to give, counted from 0; 0 by default. */
  readonly start?: number
  /** Off by default: the order of the set. */
  readonly shuffle?: boolean
  /** Pad-4-and-crop and mirroring; off by default. */
  readonly augment?: boolean
}

const PAD = 4
const SHIFTS = 2 * PAD + 1

/** Steps of one epoch; the last batch may be smaller. */
export function stepsPerEpoch(dataset: AnyDataset, batchSize: number): number {
  requireInteger('batchSize', batchSize, { min: 1 })
  return Math.ceil(dataset.count / batchSize)
}

/**
 * Checks options when called, not at the first batch. Throws ERR_INVALID_ARGUMENT or ERR_UNKNOWN_OPTION; a set with
 * targets cannot be augmented, as they would not follow the crops.
 */
export function batches(dataset: Dataset, options: BatchOptions): Generator<Batch, void, undefined>
export function batches(
  dataset: RegressionDataset,
  options: BatchOptions,
): Generator<RegressionBatch, void, undefined>
export function batches(
  dataset: AnyDataset,
  options: BatchOptions,
): Generator<Batch | RegressionBatch, void, undefined>
export function batches(
  dataset: AnyDataset,
  options: BatchOptions,
): Generator<Batch | RegressionBatch, void, undefined> {
  checkOptions(options, {
    batchSize: rule.integer({ min: 1 }),
    seed: rule.integer({ min: 0 }),
    epoch: rule.integer({ min: 0, max: 2 ** 32 - 1 }),
    start: rule.integer({ min: 0 }),
    shuffle: rule.boolean(),
    augment: rule.boolean(),
  })
  const { batchSize, seed = 0, epoch = 0, start = 0, shuffle = false, augment = false } = options
  if (augment && dataset.targets) {
    throw refusal('options.augment', 'false for a set with targets, which do not follow the crops', augment)
  }
  const steps = stepsPerEpoch(dataset, batchSize)
  if (start > steps) throw refusal('options.start', `a step from 0 to ${steps}`, start)
  return generate(dataset, { batchSize, seed, epoch, start, shuffle, augment })
}

function* generate(
  dataset: AnyDataset,
  options: Required<BatchOptions>,
): Generator<Batch | RegressionBatch, void, undefined> {
  const { batchSize, seed, epoch, start, shuffle, augment } = options
  const order = shuffle
    ? permutation({ seed, purpose: Purpose.shuffle, stream: epoch }, dataset.count)
    : undefined
  const table = normalisation(dataset)
  const size = dataset.images.length / dataset.count
  for (let first = start * batchSize; first < dataset.count; first += batchSize) {
    const count = Math.min(batchSize, dataset.count - first)
    const input = new Float32Array(count * size)
    const answers = answersOf(dataset, count)
    const draws = augment
      ? randomWords({ seed, purpose: Purpose.augmentation, stream: epoch }, count, first)
      : undefined
    for (let i = 0; i < count; ++i) {
      const image = order === undefined ? first + i : (order[first + i] as number)
      answers.take(i, image)
      if (draws === undefined) copy(dataset, image, table, input, i * size)
      else copyAugmented(dataset, image, table, input, i * size, draws[i] as number)
    }
    yield { input, ...answers.field, count }
  }
}

/** The part of a batch of `count` images that says what is right, and how an image's part of it is filled in. */
function answersOf({ labels, targets, count: images }: AnyDataset, count: number) {
  if (labels !== undefined) {
    const target = new Int32Array(count)
    return {
      field: { target },
      take: (i: number, image: number): void => {
        target[i] = labels[image] as number
      },
    }
  }
  const outputs = targets.length / images
  const wanted = new Float32Array(count * outputs)
  return {
    field: { targets: wanted },
    take: (i: number, image: number): void =>
      wanted.set(targets.subarray(image * outputs, (image + 1) * outputs), i * outputs),
  }
}

/** [C, 256]: the normalised value of every byte. */
function normalisation({ mean, std, shape: [channels] }: AnyDataset): Float32Array {
  return Float32Array.from({ length: 256 * channels }, (_, i) => {
    const c = i >> 8
    return ((i & 255) / 255 - (mean[c] as number)) / (std[c] as number)
  })
}

function copy(set: AnyDataset, image: number, table: Float32Array, out: Float32Array, at: number): void {
  const [channels, height, width] = set.shape
  const plane = height * width
  const { images } = set
  let from = image * channels * plane
  let to = at
  for (let c = 0; c < channels; ++c) {
    const row = 256 * c
    for (let i = 0; i < plane; ++i) out[to++] = table[row + (images[from++] as number)] as number
  }
}

/** The crop of the padded image that the word says: output (y, x) is input (y + dy, x + dx), black outside. */
function copyAugmented(
  set: AnyDataset,
  image: number,
  table: Float32Array,
  out: Float32Array,
  at: number,
  word: number,
): void {
  const [channels, height, width] = set.shape
  const { images } = set
  const draw = Math.floor((word * 2 * SHIFTS * SHIFTS) / 2 ** 32)
  const dy = (Math.floor(draw / (2 * SHIFTS)) | 0) - PAD
  const dx = (Math.floor(draw / 2) % SHIFTS) - PAD
  const mirrored = draw % 2 === 1
  const step = mirrored ? -1 : 1
  let to = at
  for (let c = 0; c < channels; ++c) {
    const row = 256 * c
    const black = table[row] as number
    for (let y = 0; y < height; ++y) {
      const fromY = y + dy
      if (fromY < 0 || fromY >= height) {
        out.fill(black, to, to + width)
        to += width
        continue
      }
      const line = ((image * channels + c) * height + fromY) * width
      let fromX = dx + (mirrored ? width - 1 : 0)
      for (let x = 0; x < width; ++x, fromX += step)
        out[to++] =
          fromX < 0 || fromX >= width ? black : (table[row + (images[line + fromX] as number)] as number)
    }
  }
}
