// Label smoothing in training: the loss and the gradient are those of soft targets, the evaluation's are not.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { createSession } from '../lib/session.ts'
import { evaluate } from '../lib/training/evaluate.ts'
import type { EndEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const once: TrainOptions = {
  epochs: 1,
  batchSize: 60,
  lr: 0.5,
  momentum: 0,
  weightDecay: 0,
  schedule: 'constant',
  augment: false,
  threads: 1,
}
const batch = batches(data.train, { batchSize: 60, seed: 1, shuffle: true }).next().value!

async function all(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...once, ...options })) events.push(event)
  return events
}
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent

/** The mean over images of −Σ_k t_k·log p_k with t = (1 − s)·onehot + s/K, in float64. */
function softLoss(outputs: Float32Array, target: ArrayLike<number>, s: number): number {
  const classes = outputs.length / target.length
  let sum = 0
  for (let n = 0; n < target.length; n++) {
    const z = [...outputs.subarray(n * classes, (n + 1) * classes)]
    const log = Math.log(z.reduce((total, value) => total + Math.exp(value), 0))
    z.forEach((value, k) => {
      sum -= ((k === target[n] ? 1 - s : 0) + s / classes) * (value - log)
    })
  }
  return sum / target.length
}

for (const estimator of ['cge', 'rge'] as const) {
  test(`${estimator}: the step goes along the estimate of the smoothed loss`, async () => {
    const smoothed = { estimator, labelSmoothing: 0.2, ...(estimator === 'rge' && { queries: 20 }) }
    const events = await all(smoothed)
    const { loss } = events.find(({ type }) => type === 'step') as StepEvent
    const session = createSession(network)
    const { outputs } = await session.forward(batch, { statistics: 'batch' })
    session.dispose()
    const expected = softLoss(outputs, batch.target, 0.2)
    // Outputs are float32, of size 10 at most.
    assert.ok(Math.abs(loss - expected) <= 1e-5, `loss ${loss}, expected ${expected}`)

    const { gradient } = await estimateGradient(network, batch, smoothed)
    const { parameters } = end(events)
    gradient.forEach((g, i) => {
      assert.is(parameters[i], Math.fround(network.parameters[i]! - 0.5 * g))
    })
  })
}

test('the test split is evaluated without it', async () => {
  const { parameters, buffers, testLoss } = end(await all({ labelSmoothing: 0.3 }))
  const session = createSession({ ...network, parameters, buffers })
  const { loss } = await evaluate(session, data.test)
  session.dispose()
  assert.is(testLoss, loss)
})

test('smoothing 0 is no smoothing; 1 is refused', async () => {
  assert.equal(end(await all({ labelSmoothing: 0 })).parameters, end(await all({})).parameters)
  assert.not.equal(end(await all({ labelSmoothing: 0.1 })).parameters, end(await all({})).parameters)
  assert.throws(() => train(network, data, { labelSmoothing: 1 }), /labelSmoothing: expected .* below 1/)
})

test.run()
