/**
 * Batches of any data set, made before they are asked for: while one is worked on, the next ones are read. They are the
 * same as those of `batches`, bit for bit.
 */
import { checkOptions, rule } from '../check.ts'
import { assembler } from './assemble.ts'
import { type Batch, type Dataset, inputsAt } from './dataset.ts'
import { type BatchOptions, batchShape, type Epoch, planEpoch } from './epoch.ts'

/** Options of `loadBatches`. */
export interface LoadOptions extends BatchOptions {
  /** Batches that are made or being made besides the one that was given last; 1 by default. */
  readonly ahead?: number | undefined
}

/**
 * Checks set and options when called. `next()` starts to make what comes after the batch it gives, so a caller that asks
 * for the next batch and then works on this one finds it ready. Throws as `planEpoch`; what reading throws rejects the
 * `next()` of that batch.
 */
export function loadBatches(dataset: Dataset, options: LoadOptions): AsyncGenerator<Batch, void, undefined> {
  checkOptions(options, { ...batchShape, ahead: rule.integer({ min: 0 }) })
  const { ahead = 1, ...cut } = options
  return load(dataset, planEpoch(dataset, cut), ahead)
}

/** The batch that `loadBatches` gives first. */
export async function firstBatch(dataset: Dataset, options: BatchOptions): Promise<Batch> {
  checkOptions(options, batchShape)
  const source = loadBatches(dataset, { ...options, ahead: 0 })
  const { value } = await source.next()
  await source.return()
  return value as Batch
}

async function* load(dataset: Dataset, epoch: Epoch, ahead: number): AsyncGenerator<Batch, void, undefined> {
  const assemble = assembler(dataset)
  const make = async (step: number): Promise<Batch> => {
    const members = epoch.members(step)
    const { images } = dataset
    return images === undefined
      ? assemble(members, await inputsAt(dataset, members.indices), (i) => i)
      : assemble(members, images, (i) => members.indices[i] as number)
  }
  const pending: Promise<Batch>[] = []
  let step = epoch.start
  const fill = (): void => {
    for (; pending.length <= ahead && step < epoch.steps; ++step) {
      const batch = make(step)
      // It may be rejected before anybody asks for it.
      batch.catch(() => {})
      pending.push(batch)
    }
  }
  try {
    for (fill(); pending.length > 0; fill()) yield await (pending.shift() as Promise<Batch>)
  } finally {
    await Promise.allSettled(pending)
  }
}
