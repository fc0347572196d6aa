/** Batches of a data set in memory, made when they are asked for. `loadBatches` takes any set and works ahead. */
import { DeepZeroError } from '../errors.ts'
import { assembler } from './assemble.ts'
import type {
  Batch,
  Dataset,
  Inputs,
  LabelledBatch,
  LabelledImages,
  RegressionBatch,
  RegressionDataset,
} from './dataset.ts'
import { type BatchOptions, type Epoch, planEpoch } from './epoch.ts'

/** Checks set and options when called, not at the first batch. Throws as `planEpoch`. */
export function batches(
  dataset: LabelledImages,
  options: BatchOptions,
): Generator<LabelledBatch, void, undefined>
export function batches(
  dataset: RegressionDataset,
  options: BatchOptions,
): Generator<RegressionBatch, void, undefined>
export function batches(dataset: Dataset, options: BatchOptions): Generator<Batch, void, undefined>
export function batches(dataset: Dataset, options: BatchOptions): Generator<Batch, void, undefined> {
  const epoch = planEpoch(dataset, options)
  if (dataset.images === undefined)
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `${dataset.name}: expected a data set in memory, received one that is read piece by piece; use loadBatches`,
    )
  return generate(dataset, dataset.images, epoch)
}

function* generate(dataset: Dataset, images: Inputs, epoch: Epoch): Generator<Batch, void, undefined> {
  const assemble = assembler(dataset)
  for (let step = epoch.start; step < epoch.steps; ++step) {
    const members = epoch.members(step)
    yield assemble(members, images, (i) => members.indices[i] as number)
  }
}
