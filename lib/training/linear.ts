/**
 * A linear classifier on the normalised pixels, trained with its true gradient: what a data set gives away without any
 * features. Softmax regression, SGD with momentum 0.9, batch 50, rate 0.01·½(1 + cos), so many epochs as asked.
 */
import { batches, stepsPerEpoch } from '../data/batches.ts'
import type { Batch, Splits } from '../data/dataset.ts'
import { sgd, sgdState, sgdStep } from '../optimisers/sgd.ts'
import { cosine, learningRate } from '../schedules/schedule.ts'

const BATCH = 50

/** Logits [K] of image i: weights [K, D] row by row, then biases [K]. */
function logits(weights: Float32Array, { input }: Batch, i: number, d: number, k: number): Float64Array {
  const out = new Float64Array(k)
  for (let j = 0; j < k; j++) {
    let sum = weights[k * d + j]!
    for (let p = 0, w = j * d, x = i * d; p < d; p++) sum += weights[w++]! * input[x++]!
    out[j] = sum
  }
  return out
}

/** Test accuracy after `epochs` epochs of training. */
export function linearAccuracy({ train, test, classes }: Splits, epochs = 5): number {
  const k = classes.length
  const d = train.images.length / train.count
  const weights = new Float32Array(k * d + k)
  const gradient = new Float32Array(weights.length)
  const state = sgdState(weights.length)
  const totalSteps = epochs * stepsPerEpoch(train, BATCH)
  const schedule = cosine({ lr: 0.01, totalSteps })
  let step = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches(train, { batchSize: BATCH, epoch, shuffle: true })) {
      gradient.fill(0)
      for (let i = 0; i < batch.count; i++) {
        const z = logits(weights, batch, i, d, k)
        const top = z.reduce((a, b) => Math.max(a, b))
        const e = z.map((value) => Math.exp(value - top))
        const sum = e.reduce((a, b) => a + b)
        for (let j = 0; j < k; j++) {
          const g = (e[j]! / sum - (batch.target[i] === j ? 1 : 0)) / batch.count
          for (let p = 0, w = j * d, x = i * d; p < d; p++) gradient[w++]! += g * batch.input[x++]!
          gradient[k * d + j]! += g
        }
      }
      sgdStep(weights, gradient, state, learningRate(schedule, step++), sgd({ momentum: 0.9 }))
    }
  }
  let correct = 0
  for (const batch of batches(test, { batchSize: BATCH })) {
    for (let i = 0; i < batch.count; i++) {
      const z = logits(weights, batch, i, d, k)
      if (z.indexOf(Math.max(...z)) === batch.target[i]) correct += 1
    }
  }
  return correct / test.count
}
