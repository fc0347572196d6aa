/**
 * Image sets in memory: N images of C×H×W bytes with integer labels, or with targets to regress on, and the mean and
 * deviation that normalise the images.
 * `batches.ts` turns them into batches; `cifar10.ts` and `builtin.ts` make them.
 */
import { DeepZeroError } from '../errors.ts'

/** What a network with the loss `crossEntropy` is fed with. */
export interface Batch {
  /** [N, C, H, W], normalised. */
  readonly input: Float32Array
  /** [N], classes. */
  readonly target: Int32Array
  /** N */
  readonly count: number
}

/** What a network with the loss `meanSquaredError` is fed with. */
export interface RegressionBatch {
  /** [N, C, H, W], normalised. */
  readonly input: Float32Array
  /** [N, K], as they are. */
  readonly targets: Float32Array
  /** N */
  readonly count: number
}

/** What sets of either kind have. */
interface Images {
  /** For messages and reports: `cifar10 train`. */
  readonly name: string
  /** [N, C, H, W], red, green, blue planes. */
  readonly images: Uint8Array
  /** N */
  readonly count: number
  /** [C, H, W] */
  readonly shape: readonly [number, number, number]
  /** Class names by label; none of a set with targets. */
  readonly classes: readonly string[]
  /** Per channel, of pixel values scaled to [0, 1]. */
  readonly mean: readonly number[]
  /** Per channel, of the training split. */
  readonly std: readonly number[]
}

/** Images with classes. */
export interface Dataset extends Images {
  /** [N], each below `classes.length`. */
  readonly labels: Uint8Array
  /** Never there: these images have labels. */
  readonly targets?: undefined
}

/** Images with numbers to predict, K for each: what a network's outputs are to be. */
export interface RegressionDataset extends Images {
  /** [N, K] */
  readonly targets: Float32Array
  /** Never there: these images have targets. */
  readonly labels?: undefined
}

/** Images with labels, or with numbers to predict. */
export type AnyDataset = Dataset | RegressionDataset

/** A training and a test set of the same shape, classes, mean and deviation. */
export interface Splits<Set extends AnyDataset = Dataset> {
  /** What runs and reports call it. */
  readonly name: string
  /** What is trained on. */
  readonly train: Set
  /** What is evaluated on. */
  readonly test: Set
  /** Names of the classes, by label; empty where there are none. */
  readonly classes: readonly string[]
  /** Of one image: channels, height, width. */
  readonly shape: readonly [number, number, number]
}

/**
 * Mean and deviation per channel of pixel values scaled to [0, 1], over all images. Counts per pixel value are exact
 * integers, summed in the order of the values: the result depends on no order of images. A channel without any
 * variation gets the deviation 1. Throws ERR_DATA when there are no images.
 */
export function meanAndDeviation(
  images: Uint8Array,
  shape: readonly [number, number, number],
): { mean: number[]; std: number[] } {
  const [channels, height, width] = shape
  const plane = height * width
  const total = images.length / channels
  if (!(total > 0)) throw new DeepZeroError('ERR_DATA', 'mean and deviation: expected images, received none')
  const mean: number[] = []
  const std: number[] = []
  for (let c = 0; c < channels; ++c) {
    const counts = new Float64Array(256)
    for (let start = c * plane; start < images.length; start += channels * plane)
      for (let i = start; i < start + plane; ++i) counts[images[i] as number]! += 1
    let sum = 0
    let squares = 0
    for (let value = 0; value < 256; ++value) {
      const count = counts[value] as number
      sum += count * value
      squares += count * value * value
    }
    const centre = sum / total
    mean.push(centre / 255)
    std.push(Math.sqrt(Math.max(0, squares / total - centre * centre)) / 255 || 1)
  }
  return { mean, std }
}
