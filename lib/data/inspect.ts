/** What a data set holds: counts, images of each class, mean and deviation per channel as they are. */
import { checkOptions, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { checkSplits, type Dataset, inputsAt, outputsOf, type Shape, type Splits } from './dataset.ts'
import { ChannelStatistics } from './statistics.ts'

/** What a split holds. */
export interface SplitFacts {
  /** Number of its members. */
  readonly count: number
  /** Images of each class; empty beside targets. */
  readonly perClass: readonly number[]
  /** Of this split, per channel, of the values that bytes (value/255) or floats count as. */
  readonly mean: readonly number[]
  /** Of this split, per channel, of the same values. */
  readonly std: readonly number[]
}

/** What a data set holds. */
export interface DataFacts {
  /** As the data set calls itself. */
  readonly name: string
  /** Of one input. */
  readonly shape: Shape
  /** Names of the classes, by label; empty beside targets. */
  readonly classes: readonly string[]
  /** Outputs that a network for it has. */
  readonly outputs: number
  /** The training split. */
  readonly train: SplitFacts
  /** The test split. */
  readonly test: SplitFacts
  /** What batches are normalised with. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] }
}

/** Options of `inspect`. */
export interface InspectOptions {
  /** Stops it: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called with members looked at, of both splits. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Members that are looked at together. */
const BLOCK = 1024

/** Looks at all inputs of both splits once. Throws what reading throws, and ERR_ABORTED. */
export async function inspect(data: Splits, options: InspectOptions = {}): Promise<DataFacts> {
  checkSplits(data)
  checkOptions(options, { signal: rule.instance(AbortSignal), onProgress: rule.function() })
  const { signal, onProgress } = options
  const { train, test, name, shape, classes } = data
  const total = train.count + test.count
  const look = async (set: Dataset, before: number): Promise<SplitFacts> => {
    const statistics = new ChannelStatistics(shape)
    for (let first = 0; first < set.count; first += BLOCK) {
      if (signal?.aborted)
        throw new DeepZeroError('ERR_ABORTED', `looking at ${name} was stopped`, { cause: signal.reason })
      const count = Math.min(BLOCK, set.count - first)
      statistics.add(
        await inputsAt(
          set,
          Uint32Array.from({ length: count }, (_, i) => first + i),
        ),
      )
      onProgress?.(before + first + count, total)
    }
    const perClass = new Array<number>(classes.length).fill(0)
    for (const label of set.labels ?? []) perClass[label]! += 1
    return { count: set.count, perClass, ...statistics.result() }
  }
  return {
    ...{ name, shape, classes, outputs: outputsOf(train) },
    train: await look(train, 0),
    test: await look(test, train.count),
    normalisation: { mean: train.mean, std: train.std },
  }
}
