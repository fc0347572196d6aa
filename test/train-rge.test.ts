// Training with estimates along random directions, and such an estimate by itself.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniformSparsity } from '../lib/coordinates.ts'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { createSession } from '../lib/session.ts'
import { saveEstimate } from '../lib/training/estimate-file.ts'
import type { EndEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const d = network.parameters.length
const folder = mkdtempSync(join(tmpdir(), 'deepzero-rge-'))

const tiny = { epochs: 2, batchSize: 25, lr: 0.05, augment: false, threads: 1, estimator: 'rge' } as const
const bare = { momentum: 0, weightDecay: 0, schedule: 'constant' } as const

async function all(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...tiny, ...options })) events.push(event)
  return events
}
const steps = (events: TrainEvent[]): StepEvent[] => events.filter((event) => event.type === 'step')
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent

test('lowers the loss with as many directions as parameters', async () => {
  const losses = steps(await all({ epochs: 8, queries: d })).map(({ loss }) => loss)
  const mean = (values: number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
  const [first, last] = [mean(losses.slice(0, 3)), mean(losses.slice(-3))]
  assert.ok(last < first - 0.1, `expected a lower loss, ${first} → ${last}`)
})

for (const directions of ['sphere', 'tensor', 'gaussian', 'rademacher'] as const) {
  test(`${directions}: each step takes the directions after those of the step before`, async () => {
    const { parameters } = end(await all({ ...bare, queries: 7, directions, seed: 4, maxSteps: 2 }))
    const session = createSession(network)
    const theta = network.parameters.slice()
    let step = 0
    for (const batch of batches(data.train, { batchSize: 25, seed: 4, shuffle: true })) {
      const { gradient } = await session.randomDifferences(batch, {
        count: 7,
        first: 7 * step,
        seed: 4,
        directions,
        updateRunning: true,
      })
      gradient.forEach((g, i) => {
        theta[i] = theta[i]! - 0.05 * g
      })
      session.setParameters(theta)
      if (++step === 2) break
    }
    session.dispose()
    assert.equal(parameters, theta)
  })
}

test('sparse: directions stay within the active set; queries are directions, central ones count twice', async () => {
  const active = uniformSparsity(network.layout, 0.9, { seed: 1, draw: 0 })
  const events = await all({ ...bare, queries: 5, sparsity: 0.9, scheme: 'central' })
  assert.equal(
    steps(events).map(({ queries }) => queries),
    Array(6).fill(10),
  )
  const moved = [...network.parameters.keys()].filter(
    (i) => end(events).parameters[i] !== network.parameters[i],
  )
  assert.ok(moved.length > 0 && moved.every((i) => active.includes(i)))
})

test('the same bits whatever the threads, and broken off and resumed', async () => {
  const options = { queries: 6, sparsity: 0.5, refreshSteps: 2, optimizer: 'amsgrad', lr: 0.01 } as const
  const rest = { ...options, decoupledWeightDecay: true }
  const whole = end(await all(rest))
  assert.equal(end(await all({ ...rest, threads: 3 })).parameters, whole.parameters)
  const run = join(folder, 'run')
  for (const maxSteps of [2, 5, 0]) {
    const part = end(await all({ ...rest, run, resume: true, maxSteps }))
    if (maxSteps === 0) assert.equal(part.parameters, whole.parameters)
  }
})

test('by itself: the file says which directions', async () => {
  const batch = batches(data.train, { batchSize: 60, seed: 1, shuffle: true }).next().value!
  const options = { estimator: 'rge', queries: 9, directions: 'tensor', sparsity: 0.5 } as const
  const estimate = await estimateGradient(network, batch, options)
  assert.is(estimate.queries, 9)
  const file = join(folder, 'estimate.safetensors')
  await saveEstimate(file, network, estimate)
  const { metadata, tensors } = await readSafetensors(file)
  assert.equal([metadata.estimator, metadata.queries, metadata.directions], ['rge', '9', 'tensor'])
  assert.equal(tensors.get('coordinates')!.data, uniformSparsity(network.layout, 0.5, { seed: 1 }))
  const outside = new Set(network.parameters.keys())
  for (const coordinate of estimate.coordinates) outside.delete(coordinate)
  assert.ok(outside.size > 0)
  for (const i of outside) assert.is(estimate.gradient[i], 0)
})

test.run()
