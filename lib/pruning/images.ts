/**
 * The images that gradients for pruning are estimated on: the same number of each class as one batch, drawn with
 * training's augmentation.
 *
 * The training images are gone through in the order of purpose shuffle, stream 2^32 − 1, and the first ones of each
 * class are taken; word p of purpose augmentation, same stream, crops and mirrors the image at place p of the batch.
 * Training uses these purposes with its epoch as the stream, so that it sees other crops.
 */
import { type Dataset, type LabelledBatch, select } from '../data/dataset.ts'
import { firstBatch } from '../data/load-batches.ts'
import { DeepZeroError } from '../errors.ts'
import { Purpose, permutation } from '../random.ts'

/** The last stream: no run has that many epochs. */
export const PRUNING_STREAM = 2 ** 32 - 1

export interface ImageOptions {
  readonly imagesPerClass: number
  readonly augment: boolean
  readonly seed: number
}

/** One batch of `imagesPerClass` images of each class. Throws ERR_DATA when a class has fewer, or there are no classes. */
export async function classBatch(
  dataset: Dataset,
  { imagesPerClass, augment, seed }: ImageOptions,
): Promise<LabelledBatch> {
  const { classes, labels, count } = dataset
  if (labels === undefined)
    throw new DeepZeroError(
      'ERR_DATA',
      `${dataset.name}: expected images with classes, received targets; use a method that looks at no images`,
    )
  const wanted = new Array<number>(classes.length).fill(imagesPerClass)
  const taken: number[] = []
  for (const image of permutation({ seed, purpose: Purpose.shuffle, stream: PRUNING_STREAM }, count)) {
    const label = labels[image] as number
    if ((wanted[label] as number) === 0) continue
    wanted[label]! -= 1
    taken.push(image)
  }
  const short = wanted.findIndex((missing) => missing > 0)
  if (short >= 0)
    throw new DeepZeroError(
      'ERR_DATA',
      `${dataset.name}: expected ${imagesPerClass} images of each class, '${classes[short]}' has ` +
        `${imagesPerClass - (wanted[short] as number)}; ` +
        `use more training images${imagesPerClass > 1 ? ', or ask for fewer per class' : ''}`,
    )
  const subset = await select(dataset, Uint32Array.from(taken))
  const options = { batchSize: taken.length, seed, epoch: PRUNING_STREAM, augment }
  return (await firstBatch(subset, options)) as LabelledBatch
}
