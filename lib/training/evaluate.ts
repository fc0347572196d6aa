/** Loss and accuracy of a network on a whole data set, with running statistics: no batch influences another. */
import { batches } from '../data/batches.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Session } from '../session.ts'

export interface Evaluation {
  /** Mean over the images. */
  readonly loss: number
  readonly accuracy: number
  readonly correct: number
  readonly images: number
}

/** Evaluates the session's weights on `dataset`. Throws ERR_NOT_FINITE when the loss is NaN or infinite. */
export async function evaluate(
  session: Session,
  dataset: Dataset,
  {
    batchSize = 500,
    signal,
  }: { readonly batchSize?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<Evaluation> {
  let loss = 0
  let correct = 0
  for (const batch of batches(dataset, { batchSize })) {
    const result = await session.forward(batch, { statistics: 'running', signal })
    loss += result.loss * batch.count
    correct += result.correct
  }
  return { loss: loss / dataset.count, accuracy: correct / dataset.count, correct, images: dataset.count }
}
