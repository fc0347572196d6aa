/**
 * A linear classifier on the normalised pixels, trained with its true gradient: what a data set gives away without any
 * features. Softmax regression W·x + b from zero weights, mini-batch SGD with momentum 0.9, batch 100.
 */
import { checkOptions, rule } from '../check.ts'
import { batches } from '../data/batches.ts'
import type { LabelledImages, Splits } from '../data/dataset.ts'

/** Learning rate, L2 penalty on W, passes over the training split. */
export interface LinearSetting {
  /** Learning rate of SGD. */
  readonly lr: number
  /** Of the weights, not the biases. */
  readonly weightDecay: number
  /** Passes over the training images. */
  readonly epochs: number
}

/** Accuracies in [0, 1] after each epoch. */
export interface LinearOutcome extends LinearSetting {
  /** Accuracy on the training images after each epoch. */
  readonly train: readonly number[]
  /** Accuracy on the test images after each epoch. */
  readonly test: readonly number[]
}

const BATCH = 100
const MOMENTUM = 0.9

/** scores[k] = b_k + Σ_j W_kj x_j of image `at`. */
function score(
  weights: Float32Array,
  biases: Float32Array,
  x: Float32Array,
  at: number,
  out: Float64Array,
): void {
  const size = weights.length / biases.length
  for (let k = 0; k < biases.length; ++k) {
    let sum = biases[k] as number
    for (let j = 0; j < size; ++j) sum += (weights[k * size + j] as number) * (x[at + j] as number)
    out[k] = sum
  }
}

const best = (scores: Float64Array): number => scores.indexOf(Math.max(...scores))

function accuracy(weights: Float32Array, biases: Float32Array, set: LabelledImages): number {
  const size = weights.length / biases.length
  const scores = new Float64Array(biases.length)
  let correct = 0
  for (const { input, target, count } of batches(set, { batchSize: BATCH }))
    for (let i = 0; i < count; ++i) {
      score(weights, biases, input, i * size, scores)
      if (best(scores) === target[i]) ++correct
    }
  return correct / set.count
}

/** Trains from zero weights; the cross-entropy's gradient is (softmax − one-hot) xᵀ. */
export function softmaxRegression(
  { train, test, classes, shape }: Splits<LabelledImages>,
  setting: LinearSetting,
): LinearOutcome {
  checkOptions(
    setting,
    { lr: rule.number({ above: 0 }), weightDecay: rule.number({ min: 0 }), epochs: rule.integer({ min: 1 }) },
    'setting',
  )
  const { lr, weightDecay, epochs } = setting
  const size = shape[0] * shape[1] * shape[2]
  const weights = new Float32Array(classes.length * size)
  const biases = new Float32Array(classes.length)
  const velocity = new Float32Array(weights.length)
  const biasVelocity = new Float32Array(biases.length)
  const errors = new Float64Array(classes.length)
  const outcome = { ...setting, train: [] as number[], test: [] as number[] }
  for (let epoch = 0; epoch < epochs; ++epoch) {
    for (const { input, target, count } of batches(train, { batchSize: BATCH, epoch, shuffle: true })) {
      // v ← momentum · v + (gradient + weightDecay · w); w ← w − lr · v
      for (let j = 0; j < velocity.length; ++j)
        velocity[j] = MOMENTUM * (velocity[j] as number) + weightDecay * (weights[j] as number)
      for (let k = 0; k < biases.length; ++k) biasVelocity[k]! *= MOMENTUM
      for (let i = 0; i < count; ++i) {
        score(weights, biases, input, i * size, errors)
        const top = Math.max(...errors)
        let total = 0
        for (let k = 0; k < errors.length; ++k) total += errors[k] = Math.exp((errors[k] as number) - top)
        for (let k = 0; k < errors.length; ++k) {
          const error = ((errors[k] as number) / total - (target[i] === k ? 1 : 0)) / count
          biasVelocity[k]! += error
          for (let j = 0; j < size; ++j) velocity[k * size + j]! += error * (input[i * size + j] as number)
        }
      }
      for (let j = 0; j < weights.length; ++j) weights[j]! -= lr * (velocity[j] as number)
      for (let k = 0; k < biases.length; ++k) biases[k]! -= lr * (biasVelocity[k] as number)
    }
    outcome.train.push(accuracy(weights, biases, train))
    outcome.test.push(accuracy(weights, biases, test))
  }
  return outcome
}
