/**
 * Data sets: N inputs of C×H×W numbers, each with a class (`labels`) or with numbers to predict (`targets`), and the mean
 * and deviation that normalise them. The inputs are in memory (`images`), or somewhere else (`read`), when they are more
 * than memory holds. `batches.ts` and `load-batches.ts` turn them into batches.
 */
import { refusal, requireInstance, requireInteger, requireNumber, requireObject } from '../check.ts'
import { DeepZeroError } from '../errors.ts'

/** Channels, height, width. */
export type Shape = readonly [number, number, number]

/** Bytes are pixels: they count as value/255. Floats count as they are. */
export type Inputs = Uint8Array | Float32Array

/** What a network with the loss `crossEntropy` is fed with. */
export interface LabelledBatch {
  /** [N, C, H, W], normalised. */
  readonly input: Float32Array
  /** [N], classes. */
  readonly target: Int32Array
  /** Never there: this batch has classes. */
  readonly targets?: undefined
  /** N */
  readonly count: number
}

/** What a network with the loss `meanSquaredError` is fed with. */
export interface RegressionBatch {
  /** [N, C, H, W], normalised. */
  readonly input: Float32Array
  /** [N, K], as they are. */
  readonly targets: Float32Array
  /** Never there: this batch has targets. */
  readonly target?: undefined
  /** N */
  readonly count: number
}

export type Batch = LabelledBatch | RegressionBatch

/** Gives the inputs with these numbers, one after another: [indices.length, C, H, W]. May be called while it works. */
export type ReadInputs = (indices: Uint32Array) => Promise<Inputs>

/** Exactly one of `labels` and `targets`, and exactly one of `images` and `read`. */
export interface Dataset {
  /** For messages and reports: `cifar10 train`. */
  readonly name: string
  /** N */
  readonly count: number
  /** [C, H, W] */
  readonly shape: Shape
  /** Class names by label; none beside targets. */
  readonly classes: readonly string[]
  /** Per channel, of the values that bytes or floats count as. */
  readonly mean: readonly number[]
  /** Per channel, of the same values. */
  readonly std: readonly number[]
  /** [N], each below `classes.length`. */
  readonly labels?: Uint8Array | Int32Array | undefined
  /** [N, K] */
  readonly targets?: Float32Array | undefined
  /** [N, C, H, W]; of colour images red, green, blue planes. */
  readonly images?: Inputs | undefined
  /** In the place of `images`: gives inputs when they are asked for. */
  readonly read?: ReadInputs | undefined
  /** Beside `read`: a text that is another one when the inputs are others, so that a run is not resumed with them. */
  readonly fingerprint?: string | undefined
}

/** Images with classes, all in memory. */
export interface LabelledImages extends Dataset {
  readonly images: Uint8Array
  readonly labels: Uint8Array
  readonly targets?: undefined
}

/** Inputs with numbers to predict, K for each: what a network's outputs are to be. */
export interface RegressionDataset extends Dataset {
  /** [N, K] */
  readonly targets: Float32Array
  readonly labels?: undefined
}

/** A training and a test set of the same shape, classes, mean and deviation. */
export interface Splits<D extends Dataset = Dataset> {
  /** What runs and reports call it. */
  readonly name: string
  /** What is trained on. */
  readonly train: D
  /** What is evaluated on. */
  readonly test: D
  /** Names of the classes, by label; empty beside targets. */
  readonly classes: readonly string[]
  /** Of one input. */
  readonly shape: Shape
}

/** Numbers of one input. */
export const sizeOf = ([channels, height, width]: Shape): number => channels * height * width

/** Outputs that a network for this set has: classes, or numbers to predict. */
export const outputsOf = ({ classes, targets, count }: Dataset): number =>
  targets === undefined ? classes.length : targets.length / count

const single = (name: string, names: readonly [string, string], set: object): string => {
  const given = names.filter((key) => (set as Record<string, unknown>)[key] !== undefined)
  if (given.length === 1) return given[0] as string
  throw new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `${name}: expected one of ${names.join(' and ')}, received ${given.length === 0 ? 'neither' : 'both'}`,
  )
}

/**
 * Refuses what is no data set: ERR_INVALID_ARGUMENT, ERR_SHAPE for sizes that do not fit, ERR_DATA for a label. Whether inputs
 * and targets are finite is seen where batches are made of them.
 */
export function checkDataset(value: Dataset, name = 'dataset'): void {
  const set = requireObject(name, value) as unknown as Dataset
  requireInteger(`${name}.count`, set.count, { min: 1 })
  if (!Array.isArray(set.shape) || set.shape.length !== 3)
    throw refusal(`${name}.shape`, '[channels, height, width]', set.shape)
  for (const extent of set.shape) requireInteger(`${name}.shape`, extent, { min: 1 })
  if (!Array.isArray(set.classes)) throw refusal(`${name}.classes`, 'an array of names', set.classes)
  const fits = (what: string, length: number, expected: number): void => {
    if (length !== expected)
      throw new DeepZeroError(
        'ERR_SHAPE',
        `${name}.${what}: expected ${expected} numbers, received ${length}`,
      )
  }
  for (const what of ['mean', 'std'] as const) {
    const numbers = Array.from(set[what] ?? [])
    fits(what, numbers.length, set.shape[0])
    for (const number of numbers) requireNumber(`${name}.${what}`, number, what === 'std' ? { above: 0 } : {})
  }
  if (single(name, ['images', 'read'], set) === 'images') {
    if (!(set.images instanceof Float32Array)) requireInstance(`${name}.images`, set.images, Uint8Array)
    fits('images', set.images!.length, set.count * sizeOf(set.shape))
  }
  if (single(name, ['labels', 'targets'], set) === 'targets') {
    requireInstance(`${name}.targets`, set.targets, Float32Array)
    const outputs = set.targets!.length / set.count
    if (!(Number.isInteger(outputs) && outputs > 0)) fits('targets', set.targets!.length, set.count)
    return
  }
  const labels = set.labels as Uint8Array | Int32Array
  if (!(labels instanceof Int32Array)) requireInstance(`${name}.labels`, labels, Uint8Array)
  fits('labels', labels.length, set.count)
  checkLabels(labels, set.classes.length, `${name}.labels`)
}

/** Refuses what is no training and test set of one shape. Throws as `checkDataset`. */
export function checkSplits(value: Splits, name = 'data'): void {
  const { train, test, shape, classes } = requireObject(name, value) as unknown as Splits
  checkDataset(train, `${name}.train`)
  checkDataset(test, `${name}.test`)
  if (shape?.join() !== train.shape.join())
    throw refusal(`${name}.shape`, `[${train.shape.join(', ')}], as ${name}.train has`, shape)
  if (!Array.isArray(classes)) throw refusal(`${name}.classes`, 'an array of names', classes)
}

/** Throws ERR_DATA for a label that is no class. */
export function checkLabels(labels: Uint8Array | Int32Array, classes: number, name: string): void {
  const at = labels.findIndex((label: number) => label < 0 || label >= classes)
  if (at >= 0)
    throw new DeepZeroError(
      'ERR_DATA',
      `${name}: expected labels from 0 to ${classes - 1}, received ${labels[at]} at place ${at} (counted from 0)`,
    )
}

/** Throws ERR_DATA for NaN or infinity; `where` says where the number at an index is. */
export function checkFinite(values: Float32Array, name: string, where: (at: number) => string): void {
  for (let at = 0; at < values.length; ++at)
    if (!Number.isFinite(values[at]))
      throw new DeepZeroError(
        'ERR_DATA',
        `${name}: expected finite numbers, received ${values[at]} ${where(at)} (counted from 0)`,
      )
}

/** The inputs with these numbers, whether in memory or not. */
export async function inputsAt(set: Dataset, indices: Uint32Array): Promise<Inputs> {
  const size = sizeOf(set.shape)
  if (set.read !== undefined) {
    const inputs = await set.read(indices)
    if (inputs?.length === indices.length * size) return inputs
    throw refusal(`${set.name}: read`, `${indices.length * size} numbers`, inputs, 'ERR_DATA')
  }
  const { images } = set as { images: Inputs }
  const make = images instanceof Float32Array ? Float32Array : Uint8Array
  const inputs = new make(indices.length * size)
  indices.forEach((index, i) => inputs.set(images.subarray(index * size, (index + 1) * size), i * size))
  return inputs
}

/**
 * The members with these numbers, from 0, as a set of its own, in memory. Rejects with ERR_INVALID_ARGUMENT for a number that
 * is no member's.
 */
export async function select(set: Dataset, members: Uint32Array | readonly number[]): Promise<Dataset> {
  checkDataset(set)
  if (!(members instanceof Uint32Array || Array.isArray(members)))
    throw refusal('members', 'an array of numbers', members)
  for (const member of members)
    if (!(Number.isInteger(member) && member >= 0 && member < set.count))
      throw refusal('members', `numbers of the ${set.count} members of ${set.name}, from 0`, member)
  const indices = Uint32Array.from(members)
  const { labels, targets } = set
  const outputs = outputsOf(set)
  return {
    ...set,
    count: indices.length,
    images: await inputsAt(set, indices),
    read: undefined,
    fingerprint: undefined,
    labels: labels && Int32Array.from(indices, (index) => labels[index] as number),
    targets:
      targets &&
      Float32Array.from(
        { length: indices.length * outputs },
        (_, i) => targets[(indices[Math.floor(i / outputs)] as number) * outputs + (i % outputs)] as number,
      ),
  }
}

/** The first `count` members, which are read from where they are. */
export function firstOf(set: Dataset, count: number): Dataset {
  const { images, labels, targets, shape } = set
  return {
    ...set,
    count,
    images: images?.subarray(0, count * sizeOf(shape)),
    labels: labels?.subarray(0, count),
    targets: targets?.subarray(0, count * outputsOf(set)),
  }
}
