// Training modes through `train`: optimisers, what they touch, clipping, schedules, statistics, refresh by steps.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniformSparsity } from '../lib/coordinates.ts'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { optimiserKinds } from '../lib/optimisers/optimiser.ts'
import { createSession } from '../lib/session.ts'
import type { EndEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const folder = mkdtempSync(join(tmpdir(), 'deepzero-modes-'))
let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

const tiny = { epochs: 2, batchSize: 25, lr: 0.01, augment: false, threads: 1 } as const

async function all(options: TrainOptions, from = network): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(from, data, options)) events.push(event)
  return events
}
const steps = (events: TrainEvent[]): StepEvent[] => events.filter((event) => event.type === 'step')
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent
const moved = (parameters: Float32Array): number[] =>
  [...parameters.keys()].filter((i) => parameters[i] !== network.parameters[i])

for (const optimizer of optimiserKinds) {
  test(`${optimizer}: lowers the loss`, async () => {
    const lr = optimizer === 'sgd' ? 0.05 : 0.02
    const losses = steps(await all({ ...tiny, epochs: 6, optimizer, lr })).map(({ loss }) => loss)
    const mean = (values: number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
    const [first, last] = [mean(losses.slice(0, 3)), mean(losses.slice(-3))]
    assert.ok(last < first - 0.1, `expected a lower loss, ${first} → ${last}`)
  })

  test(`${optimizer}: broken off anywhere, resumed, the same bits`, async () => {
    const options: TrainOptions = {
      ...tiny,
      optimizer,
      sparsity: 0.5,
      refreshSteps: 2,
      updates: 'active',
      decoupledWeightDecay: true,
      clipNorm: 1,
      schedule: 'one-cycle',
      muSchedule: 'geometric',
      checkpointEverySteps: 100,
    }
    const [whole, run] = [fresh(), fresh()]
    const uninterrupted = end(await all({ ...options, run: whole }))
    for (const stop of [1, 3, 4]) {
      for await (const event of train(network, data, { ...options, run, resume: true })) {
        if (event.type === 'step' && event.step === stop) break
      }
    }
    const resumed = end(await all({ ...options, run, resume: true }))
    assert.equal(resumed.parameters, uninterrupted.parameters)
    assert.equal(resumed.buffers, uninterrupted.buffers)
    const state = (directory: string): Buffer =>
      readFileSync(
        join(directory, readFileSync(join(directory, 'latest'), 'utf8').trim(), 'state.safetensors'),
      )
    assert.ok(state(run).equals(state(whole)))
  })
}

test("updates 'active' leaves weights without an estimate alone, 'all' does not", async () => {
  const { layout } = network
  const active = uniformSparsity(layout, 0.9, { seed: 1, draw: 0 })
  const options = { ...tiny, epochs: 1, sparsity: 0.9 }
  const touched = moved(end(await all({ ...options, updates: 'active' })).parameters)
  const outside = touched.filter((i) => !active.includes(i))
  assert.equal(outside, [])
  // Three convolution biases in front of batch norm have the estimate 0 and are 0.
  assert.ok(touched.length >= active.length - 3, `${touched.length} of ${active.length} moved`)
  assert.ok(moved(end(await all(options)).parameters).length > 2 * active.length)
})

test('refresh by steps: the sets of the drawn numbers, whatever the epoch', async () => {
  const { layout } = network
  const drawn = (count: number): Set<number> =>
    new Set(
      Array.from({ length: count }, (_, draw) => [...uniformSparsity(layout, 0.9, { seed: 1, draw })]).flat(),
    )
  const options: TrainOptions = { ...tiny, sparsity: 0.9, updates: 'active', refreshSteps: 4 }
  // Six steps: draw 0 for four, draw 1 for two.
  const touched = moved(end(await all(options)).parameters)
  const [one, two] = [drawn(1), drawn(2)]
  assert.ok(touched.every((i) => two.has(i)))
  assert.ok(touched.some((i) => !one.has(i)))
})

test('clipping bounds the step', async () => {
  const once = { ...tiny, maxSteps: 1, schedule: 'constant', lr: 0.5, momentum: 0, weightDecay: 0 } as const
  const change = async (options: TrainOptions): Promise<number[]> => {
    const { parameters } = end(await all({ ...once, ...options }))
    return [...parameters].map((value, i) => (network.parameters[i]! - value) / 0.5)
  }
  const norm = (values: number[]): number => Math.hypot(...values)
  const free = await change({})
  const largest = Math.max(...free.map(Math.abs))
  // Differences of float32 weights of size 1 or so, divided by 0.5.
  const tolerance = 1e-5
  const short = await change({ clipNorm: norm(free) / 4 })
  short.forEach((value, i) => assert.ok(Math.abs(value - free[i]! / 4) <= tolerance))
  const flat = await change({ clipValue: largest / 2 })
  flat.forEach((value, i) => {
    const expected = Math.sign(free[i]!) * Math.min(Math.abs(free[i]!), largest / 2)
    assert.ok(Math.abs(value - expected) <= tolerance)
  })
  // By value first: what was cut off does not count in the norm.
  const both = await change({ clipValue: largest / 2, clipNorm: norm(flat) / 2 })
  both.forEach((value, i) => assert.ok(Math.abs(value - flat[i]! / 2) <= tolerance))
})

test('a warm-up of a fraction of an epoch takes the nearest number of steps', async () => {
  const rates = async (warmupEpochs: number): Promise<number[]> =>
    steps(await all({ ...tiny, schedule: 'constant', lr: 0.5, warmupEpochs })).map(({ lr }) => lr)
  // Of three steps an epoch: 1.5 steps and 1.2 steps.
  assert.equal(await rates(0.5), [0.25, 0.5, 0.5, 0.5, 0.5, 0.5])
  assert.equal(await rates(0.4), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
})

test('mu follows the learning rate, in proportion to it, or its own course', async () => {
  const course = async (options: TrainOptions): Promise<StepEvent[]> =>
    steps(await all({ ...tiny, ...options }))
  for (const { lr, mu } of await course({ mu: 'lr' })) assert.is(mu, Math.max(lr, 1e-7))
  for (const { lr, mu } of await course({ mu: 1e-3, muSchedule: 'proportional' }))
    assert.ok(Math.abs(mu - (1e-3 * lr) / tiny.lr) <= 1e-15)
  const mus = (await course({ mu: 1e-2, muSchedule: 'geometric', muEnd: 1e-4 })).map(({ mu }) => mu)
  assert.ok(Math.abs(mus[0]! - 1e-2) <= 1e-15 && Math.abs(mus[5]! - 1e-4) <= 1e-15, String(mus))
})

test('one-cycle: from a 25th of the rate to its peak and to next to nothing', async () => {
  const rates = steps(await all({ ...tiny, epochs: 4, schedule: 'one-cycle' })).map(({ lr }) => lr)
  assert.ok(Math.abs(rates[0]! - tiny.lr / 25) <= 1e-12)
  assert.ok(Math.max(...rates) <= tiny.lr * (1 + 1e-12))
  assert.ok(Math.abs(rates.at(-1)! - tiny.lr / 25e4) <= 1e-12)
})

test('running statistics: normalise with them, and leave them as they are', async () => {
  // Statistics of some batch, so that they are not the initial ones.
  const session = createSession(network)
  const [batch] = batches(data.train, { batchSize: 60, seed: 1, shuffle: true })
  await session.forward(batch!, { statistics: 'batch', updateRunning: true })
  const buffers = session.getBuffers()
  const { loss } = await session.forward(batch!, { statistics: 'running' })
  session.dispose()
  const tuned = { ...network, buffers }
  const options = { ...tiny, batchSize: 60 }
  const events = await all({ ...options, statistics: 'running' }, tuned)
  assert.equal(end(events).buffers, buffers)
  assert.is(steps(events)[0]!.loss, loss)
  assert.not.equal(end(await all(options, tuned)).buffers, buffers)
})

test.run()
