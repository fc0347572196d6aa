/**
 * Data of your own as data sets: arrays, or what an iterable gives, to classify (`labels`) or to predict numbers
 * (`targets`). Bytes are pixels and count as value/255; floats count as they are. Mean and deviation are those of the
 * inputs for bytes, and 0 and 1 for floats, unless given.
 */
import { checkOptions, refusal, requireObject, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import {
  checkDataset,
  checkFinite,
  type Dataset,
  type Inputs,
  outputsOf,
  type Shape,
  type Splits,
  sizeOf,
} from './dataset.ts'
import { InputsFile, type Numbers } from './inputs-file.ts'
import { InputsWriter } from './inputs-writer.ts'
import { meanAndDeviation } from './statistics.ts'

interface Description {
  /** [C, H, W] of one input. */
  readonly shape: Shape
  /** For messages. */
  readonly name?: string | undefined
  /** Class names by label; the labels themselves by default. */
  readonly classes?: readonly string[] | undefined
  /** Per channel, to normalise with. */
  readonly mean?: readonly number[] | undefined
  /** Per channel, to normalise with. */
  readonly std?: readonly number[] | undefined
}

/** Inputs in an array, and what they are. */
export interface ArraysOptions extends Description {
  /** [N, C, H, W] */
  readonly inputs: Inputs
  /** [N] */
  readonly labels?: Uint8Array | Int32Array | readonly number[] | undefined
  /** [N, outputs] */
  readonly targets?: Float32Array | readonly number[] | undefined
}

const describedBy = { shape: rule.any, name: rule.string(), classes: rule.any, mean: rule.any, std: rule.any }

/** A data set of arrays. Throws as `checkDataset`, and ERR_DATA for an input or a target that is NaN or infinite. */
export function fromArrays(options: ArraysOptions): Dataset {
  checkOptions(options, { inputs: rule.any, labels: rule.any, targets: rule.any, ...describedBy })
  const { inputs } = options
  if (!(inputs instanceof Uint8Array || inputs instanceof Float32Array))
    throw refusal('options.inputs', 'a Uint8Array or a Float32Array', inputs)
  checkShape(options.shape)
  const size = sizeOf(options.shape)
  if (inputs.length === 0 || inputs.length % size !== 0)
    throw new DeepZeroError(
      'ERR_SHAPE',
      `options.inputs: expected a whole number of inputs of ${options.shape.join('×')} = ${size} numbers, received ${inputs.length} numbers`,
    )
  const described = describe(options, inputs.length / size, options)
  const plain = inputs instanceof Float32Array
  const normal = plain ? noNormalisation(options.shape) : meanAndDeviation(inputs, options.shape)
  const set = checked({
    ...described,
    images: inputs,
    mean: options.mean ?? normal.mean,
    std: options.std ?? normal.std,
  })
  if (plain) checkSamples('options.inputs', inputs, size)
  if (set.targets) checkSamples('options.targets', set.targets, outputsOf(set))
  return set
}

/** The numbers of samples, `size` for each, are finite. */
const checkSamples = (name: string, values: Float32Array, size: number): void =>
  checkFinite(values, name, (at) => `at place ${at % size} of sample ${Math.floor(at / size)}`)

/** One member of a data set. */
export interface Sample {
  /** [C, H, W]; all members have the same kind of numbers. */
  readonly input: Inputs
  /** Number of the class. */
  readonly label?: number | undefined
  /** What the outputs are to be, in the place of a label. */
  readonly target?: ArrayLike<number> | undefined
}

/** What the samples of an iterable are. */
export interface IterableOptions extends Description {
  /** File that the inputs are kept in, and read from batch by batch; without one they are kept in memory. */
  readonly spool?: string | undefined
}

/**
 * Takes all that an iterable gives, once, as a data set: in memory, or with `spool` in a file, when that is too much. Labels
 * and targets are in memory either way. Throws ERR_SHAPE or ERR_INVALID_ARGUMENT for a sample that does not fit, and ERR_DATA
 * for one with NaN or infinity, naming it; ERR_FILE for the file; and what the iterable throws.
 */
export async function fromIterable(
  samples: AsyncIterable<Sample> | Iterable<Sample>,
  options: IterableOptions,
): Promise<Dataset> {
  checkOptions(options, { spool: rule.string(), ...describedBy })
  checkShape(options.shape)
  const { shape, spool } = options
  const answers = new Answers(sizeOf(shape))
  if (spool === undefined) {
    const inputs: Inputs[] = []
    for await (const sample of samples) inputs.push(answers.take(sample))
    const { name, classes, mean, std } = options
    return fromArrays({ inputs: joined(inputs), ...answers.result(), shape, name, classes, mean, std })
  }
  let writer: InputsWriter | undefined
  try {
    for await (const sample of samples) {
      const input = answers.take(sample)
      writer ??= await createSpool(spool, shape, input instanceof Float32Array ? 'floats' : 'bytes')
      await writer.add(NO_KEY, input)
    }
    if (writer === undefined) throw nothing()
    await writer.finish()
  } catch (error) {
    await writer?.abandon()
    throw error
  }
  const file = (await InputsFile.open(spool)) as InputsFile
  const { info } = file
  const normal = info.numbers === 'floats' ? noNormalisation(shape) : info
  return checked({
    ...describe(options, info.count, answers.result()),
    read: (indices) => file.read(indices),
    fingerprint: info.fingerprint,
    mean: options.mean ?? normal.mean,
    std: options.std ?? normal.std,
  })
}

/** A training and a test set as one: the test set gets classes, mean and deviation of the training set. */
export function splitsOf(train: Dataset, test: Dataset, name = 'data'): Splits {
  checkDataset(train, 'train')
  const { shape, classes, mean, std } = train
  if (test.shape?.join() !== shape.join())
    throw new DeepZeroError(
      'ERR_SHAPE',
      `test: expected inputs of ${shape.join('×')} like the training set, received ${test.shape?.join('×')}`,
    )
  const same = { ...test, classes, mean, std }
  checkDataset(same, 'test')
  return { name, train, test: same, classes, shape }
}

const NO_KEY = new Uint8Array(16)

const nothing = (): DeepZeroError =>
  new DeepZeroError('ERR_DATA', 'expected an iterable with samples, received one that is empty')

const noNormalisation = ([channels]: Shape): { mean: number[]; std: number[] } => ({
  mean: new Array<number>(channels).fill(0),
  std: new Array<number>(channels).fill(1),
})

function checkShape(shape: unknown): void {
  const fits =
    Array.isArray(shape) && shape.length === 3 && shape.every((n) => Number.isSafeInteger(n) && n > 0)
  if (!fits) throw refusal('options.shape', '[channels, height, width]', shape)
}

const checked = (set: Dataset): Dataset => {
  checkDataset(set, 'options')
  return set
}

/** Name, classes and answers of a set of `count` members. */
function describe(
  { shape, name = 'data', classes }: Description,
  count: number,
  { labels, targets }: Pick<ArraysOptions, 'labels' | 'targets'>,
): Omit<Dataset, 'mean' | 'std'> {
  const common = { name, count, shape }
  if (targets !== undefined)
    return {
      ...common,
      classes: [],
      // Both, which is refused, when there are labels besides.
      labels: labels as Int32Array | undefined,
      targets: targets instanceof Float32Array ? targets : Float32Array.from(targets),
    }
  const numbers = labels instanceof Uint8Array || labels instanceof Int32Array ? labels : integers(labels)
  let most = 0
  for (const label of numbers ?? []) most = Math.max(most, label)
  return {
    ...common,
    classes: classes ?? Array.from({ length: most + 1 }, (_, label) => String(label)),
    labels: numbers,
  }
}

function integers(labels: readonly number[] | undefined): Int32Array | undefined {
  if (labels === undefined) return undefined
  const at = Array.isArray(labels) ? labels.findIndex((label) => (label | 0) !== label) : -1
  if (!Array.isArray(labels) || at >= 0)
    throw refusal('options.labels', 'integers below 2^31', at < 0 ? labels : labels[at])
  return Int32Array.from(labels)
}

async function createSpool(path: string, shape: Shape, numbers: Numbers): Promise<InputsWriter> {
  // A file that is something else is left alone.
  await (await InputsFile.open(path))?.close()
  return InputsWriter.create(path, shape, numbers)
}

/** Labels or targets of samples, which are checked one by one. */
class Answers {
  readonly #size: number
  readonly #labels: number[] = []
  readonly #targets: number[] = []
  #count = 0
  #first: { floats: boolean; outputs: number } | undefined

  constructor(size: number) {
    this.#size = size
  }

  /** Checks a sample and keeps its answer; gives a copy of its input. */
  take(value: Sample): Inputs {
    const name = `sample ${this.#count}`
    const { input, label, target } = requireObject(name, value) as unknown as Sample
    if (!(input instanceof Uint8Array || input instanceof Float32Array))
      throw refusal(`${name}: input`, 'a Uint8Array or a Float32Array', input)
    if (input.length !== this.#size)
      throw new DeepZeroError(
        'ERR_SHAPE',
        `${name}: input: expected ${this.#size} numbers, received ${input.length}`,
      )
    const place = (at: number): string => `at place ${at}`
    if (input instanceof Float32Array) checkFinite(input, `${name}: input`, place)
    const kind = { floats: input instanceof Float32Array, outputs: target?.length ?? 0 }
    this.#first ??= kind
    if (kind.floats !== this.#first.floats || kind.outputs !== this.#first.outputs)
      throw refusal(
        name,
        `${this.#first.floats ? 'floats' : 'bytes'} and ${this.#first.outputs || 'no'} targets like the samples before`,
        kind.floats === this.#first.floats ? target : input,
      )
    if ((label === undefined) === (target === undefined))
      throw refusal(name, 'either a label or a target', label === undefined ? 'neither' : 'both')
    if (target === undefined) {
      if (!(Number.isInteger(label) && (label as number) >= 0 && (label as number) < 2 ** 31))
        throw refusal(`${name}: label`, 'an integer at least 0', label)
      this.#labels.push(label as number)
    } else {
      const numbers = Float32Array.from(target)
      checkFinite(numbers, `${name}: target`, place)
      for (const number of numbers) this.#targets.push(number)
    }
    this.#count += 1
    return input.slice()
  }

  result(): Pick<ArraysOptions, 'labels' | 'targets'> {
    if (this.#count === 0) throw nothing()
    return this.#first?.outputs
      ? { targets: Float32Array.from(this.#targets) }
      : { labels: Int32Array.from(this.#labels) }
  }
}

function joined(parts: readonly Inputs[]): Inputs {
  if (parts.length === 0) throw nothing()
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const all = parts[0] instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
