/**
 * The images that gradients for pruning are estimated on: the same number of each class as one batch, drawn with
 * training's augmentation.
 *
 * The training images are gone through in the order of purpose shuffle, stream 2^32 − 1, and the first ones of each
 * class are taken; word p of purpose augmentation, same stream, crops and mirrors the image at place p of the batch.
 * Training uses these purposes with its epoch as the stream, so that it sees other crops.
 */
import { batches } from '../data/batches.ts'
import type { Batch, Dataset } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import { Purpose, permutation } from '../random.ts'

/** The last stream: no run has that many epochs. */
export const PRUNING_STREAM = 2 ** 32 - 1

export interface ImageOptions {
  readonly imagesPerClass: number
  readonly augment: boolean
  readonly seed: number
}

/** One batch of `imagesPerClass` images of each class. Throws ERR_DATA when a class has fewer. */
export function classBatch(dataset: Dataset, { imagesPerClass, augment, seed }: ImageOptions): Batch {
  const { classes, labels, images, count } = dataset
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
        `${imagesPerClass - (wanted[short] as number)}; ask for fewer images per class`,
    )
  const size = images.length / count
  const subset = { ...dataset, count: taken.length, images: new Uint8Array(taken.length * size) }
  taken.forEach((image, i) => subset.images.set(images.subarray(image * size, (image + 1) * size), i * size))
  subset.labels = Uint8Array.from(taken, (image) => labels[image] as number)
  const [batch] = batches(subset, { batchSize: taken.length, seed, epoch: PRUNING_STREAM, augment })
  return batch as Batch
}
