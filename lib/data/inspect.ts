/** What a data set holds: counts, images of each class, mean and deviation per channel as they are. */
import { type Dataset, inputsAt, outputsOf, type Shape, type Splits } from './dataset.ts'
import { ChannelStatistics } from './statistics.ts'

export interface SplitFacts {
  readonly count: number
  /** Images of each class; empty beside targets. */
  readonly perClass: readonly number[]
  /** Of this split, per channel, of the values that bytes (value/255) or floats count as. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export interface DataFacts {
  readonly name: string
  readonly shape: Shape
  readonly classes: readonly string[]
  readonly outputs: number
  readonly train: SplitFacts
  readonly test: SplitFacts
  /** What batches are normalised with. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] }
}

export interface InspectOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Members that are looked at together. */
const BLOCK = 1024

/** Looks at all inputs of both splits once. Throws what reading throws, and the signal's reason. */
export async function inspect(data: Splits, { signal, onProgress }: InspectOptions = {}): Promise<DataFacts> {
  const { train, test, name, shape, classes } = data
  const total = train.count + test.count
  const look = async (set: Dataset, before: number): Promise<SplitFacts> => {
    const statistics = new ChannelStatistics(shape)
    for (let first = 0; first < set.count; first += BLOCK) {
      signal?.throwIfAborted()
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
