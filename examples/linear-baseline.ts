/**
 * How far a linear classifier on the pixels gets on the built-in data: softmax regression W·x + b (10 × 3072) on
 * normalised images, mini-batch SGD with momentum, several weight decays and learning rates. The best test accuracy
 * after any epoch of any setting is printed: chosen on the test split itself, so it is an upper bound of what such a
 * classifier reaches.
 *
 *     node --import tsx examples/linear-baseline.ts [TRAIN_IMAGES] [TEST_IMAGES]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import { builtin, type LinearSetting, softmaxRegression } from '../lib/index.ts'

/** From hardly to strongly regularised; early stopping is the maximum over the epochs. */
const settings: readonly LinearSetting[] = [
  { lr: 1e-3, weightDecay: 0, epochs: 8 },
  { lr: 3e-4, weightDecay: 1e-2, epochs: 8 },
  { lr: 1e-4, weightDecay: 0.1, epochs: 8 },
  { lr: 3e-5, weightDecay: 1, epochs: 8 },
  { lr: 1e-5, weightDecay: 0, epochs: 8 },
]

const [train = 10_000, test = 2_000] = process.argv.slice(2).map(Number)
const data = builtin({ train, test })
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`
let highest = 0
for (const setting of settings) {
  const outcome = softmaxRegression(data, setting)
  const top = Math.max(...outcome.test)
  highest = Math.max(highest, top)
  console.log(
    `lr ${setting.lr}, weight decay ${setting.weightDecay}: best test accuracy ${percent(top)} ` +
      `(last epoch: training ${percent(outcome.train.at(-1) ?? 0)}, test ${percent(outcome.test.at(-1) ?? 0)})`,
  )
}
console.log(`best linear classifier on the pixels: ${percent(highest)} on ${test} test images (chance: 10 %)`)
