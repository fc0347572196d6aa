/** Loss and accuracy of a network on a whole data set, with running statistics: no batch influences another. */
import { checkOptions, rule } from '../check.ts'
import type { Dataset } from '../data/dataset.ts'
import { loadBatches } from '../data/load-batches.ts'
import { BlackBoxHead } from '../estimators/black-box-head.ts'
import type { Session } from '../session.ts'
import { trainingOptions } from './options.ts'

/** What `evaluate` resolves to. */
export interface Evaluation {
  /** Mean over the images. */
  readonly loss: number
  /** NaN for a set with targets. */
  readonly accuracy: number
  /** Images that are classified rightly. */
  readonly correct: number
  /** Images that were evaluated. */
  readonly images: number
}

/** Evaluates the session's weights on `dataset`. Throws ERR_NOT_FINITE when the loss is NaN or infinite. */
export async function evaluate(
  session: Session,
  dataset: Dataset,
  options: {
    readonly batchSize?: number | undefined
    readonly signal?: AbortSignal | undefined
    /** The loss, in the place of the cross-entropy. */
    readonly head?: BlackBoxHead | undefined
    /** Called after each batch with images done and all of them. What it throws stops the work. */
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  } = {},
): Promise<Evaluation> {
  checkOptions(options, {
    batchSize: rule.integer({ min: 1 }),
    signal: rule.instance(AbortSignal),
    head: rule.instance(BlackBoxHead),
    onProgress: rule.function(),
  })
  const { batchSize = trainingOptions.evaluateBatchSize.default, signal, head, onProgress } = options
  let loss = 0
  let correct = 0
  let done = 0
  for await (const batch of loadBatches(dataset, { batchSize })) {
    const call = { statistics: 'running', signal } as const
    const result = await (head ? head.forward(session, batch, call) : session.forward(batch, call))
    loss += result.loss * batch.count
    correct += result.correct
    done += batch.count
    onProgress?.(done, dataset.count)
  }
  const images = dataset.count
  return { loss: loss / images, accuracy: dataset.labels ? correct / images : Number.NaN, correct, images }
}
