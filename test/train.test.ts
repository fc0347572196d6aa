// Training from end to end on a tiny network and tiny data.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniformSparsity } from '../lib/coordinates.ts'
import { builtin } from '../lib/data/builtin.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import { createSession } from '../lib/session.ts'
import { evaluate } from '../lib/training/evaluate.ts'
import type { EndEvent, EpochEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { softmaxRegression } from '../lib/training/linear.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { rejects } from './fixtures/rejects.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'deepzero-train-')), 'run')

const tiny = { epochs: 2, batchSize: 25, lr: 0.05, augment: false, threads: 1 } as const

async function all(options: TrainOptions, from = network): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(from, data, options)) events.push(event)
  return events
}
const steps = (events: TrainEvent[]): StepEvent[] => events.filter((event) => event.type === 'step')
const epochs = (events: TrainEvent[]): EpochEvent[] => events.filter((event) => event.type === 'epoch')
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent
const drain = async (options: TrainOptions): Promise<void> => void (await all(options))

test('lowers the loss, and tells every step and epoch', async () => {
  const events = await all({ ...tiny, epochs: 8 })
  assert.is(events[0]!.type, 'start')
  assert.is(steps(events).length, 8 * 3)
  assert.equal(
    steps(events).map(({ step }) => step),
    Array.from({ length: 24 }, (_, i) => i + 1),
  )
  const [first] = epochs(events)
  const last = epochs(events).at(-1)!
  assert.ok(
    last.trainLoss < first!.trainLoss - 0.1,
    `expected a lower loss, ${first!.trainLoss} → ${last.trainLoss}`,
  )
  assert.is(steps(events)[0]!.queries, network.parameters.length)
  assert.is(last.queries, 3 * network.parameters.length)
  // An epoch's rate is that of its last step.
  const rates = steps(events).map(({ lr }) => lr)
  assert.is(new Set(rates).size, 24)
  assert.equal(
    epochs(events).map(({ lr }) => lr),
    rates.filter((_, i) => i % 3 === 2),
  )
  assert.is(end(events).type, 'end')
  assert.is(end(events).testAccuracy, last.testAccuracy)
  assert.is(end(events).checkpoint, null)
  assert.not.equal(end(events).parameters, network.parameters)
})

test('a divergence names no checkpoint as good where the only one holds the weights that diverged', async () => {
  for (const limits of [{ keepCheckpoints: 1 }, { keepCheckpoints: 9 }]) {
    const options = { ...tiny, lr: 1e30, checkpointEverySteps: 1, ...limits, run: fresh() }
    const error = await rejects(drain(options), 'ERR_DIVERGED', /stopped at step \d+ of 6/)
    assert.is(/the last good checkpoint is/.test(error.message), limits.keepCheckpoints > 1, error.message)
  }
})

test('weights that grow beyond float32 are a divergence, and the checkpoint before the step is good', async () => {
  const options = {
    ...tiny,
    lr: 1e300,
    momentum: 0.9,
    warmupEpochs: 0,
    checkpointEverySteps: 1,
    run: fresh(),
  }
  const error = await rejects(drain(options), 'ERR_DIVERGED', /a weight is not finite/)
  assert.match(error.message, /the last good checkpoint is/)
})

test('step schedule: the rate falls after its milestones, in epochs', async () => {
  const options = {
    ...tiny,
    epochs: 3,
    schedule: 'step',
    milestones: [1, 2],
    gamma: 0.5,
    warmupEpochs: 0,
  } as const
  const rates = steps(await all(options)).map(({ lr }) => lr)
  assert.equal(
    rates,
    [0.05, 0.025, 0.0125].flatMap((lr) => [lr, lr, lr]),
  )
})

test('data whose images are of another shape than the network takes are refused when called', () => {
  const other = networkByName('cnn-1x3', { seed: 5, input: [1, 28, 28] })
  assert.throws(() => train(other, data, tiny), /expected images of 1×28×28 .*, the data has 3×32×32/)
})

test('a divergence stays the error where the checkpoint to go back to is damaged', async () => {
  const run = fresh()
  const options = { ...tiny, lr: 1e30, checkpointEverySteps: 1, keepCheckpoints: 9, run }
  const work = async (): Promise<void> => {
    for await (const event of train(network, data, options)) {
      if (event.type === 'checkpoint' && event.step === 1)
        writeFileSync(join(run, 'checkpoints/0/model.safetensors'), 'not what was written')
    }
  }
  const error = await rejects(work(), 'ERR_DIVERGED', /no good either \(.*checkpoints\/0\/model.* is damaged/)
  assert.is((error.cause as DeepZeroError).code, 'ERR_RUN')
  assert.not.match(error.message, /last good checkpoint/)
})

test('of epochs that are equally good, the first is the best, also in the middle of an epoch', async () => {
  const run = fresh()
  // Steps too short to change a class.
  const still = { ...tiny, lr: 1e-12, weightDecay: 0, statistics: 'running', run } as const
  for (const maxSteps of [9, 11]) {
    const events = await all({ ...still, epochs: 4, maxSteps, resume: true })
    for (const { testAccuracy } of epochs(events)) assert.is(testAccuracy, end(events).testAccuracy)
    assert.equal([end(events).epochs, end(events).best.epoch], [3, 1])
    assert.is(readFileSync(join(run, 'best'), 'utf8'), 'checkpoints/3\n')
  }
})

test('the epoch event is the evaluation of the weights that come out', async () => {
  const { parameters, buffers, testLoss, testAccuracy } = end(await all(tiny))
  const session = createSession({ ...network, parameters, buffers })
  const again = await evaluate(session, data.test, { batchSize: 500 })
  session.dispose()
  assert.is(again.loss, testLoss)
  assert.is(again.accuracy, testAccuracy)
})

test('the network itself stays as it is', async () => {
  const before = [network.parameters.slice(), network.buffers.slice()]
  await all(tiny)
  assert.equal([network.parameters, network.buffers], before)
})

test('same seed, same bits, whatever the threads; another seed, other weights', async () => {
  const options = { ...tiny, sparsity: 0.5, augment: true }
  const one = end(await all(options))
  assert.equal(end(await all({ ...options, threads: 3 })).parameters, one.parameters)
  assert.not.equal(end(await all({ ...options, seed: 2 })).parameters, one.parameters)
})

test('one step is the estimate through SGD', async () => {
  const [first] = steps(
    await all({ ...tiny, epochs: 1, batchSize: 60, lr: 0.5, momentum: 0.5, weightDecay: 0.25 }),
  )
  assert.is(first!.lr, 0.5)
  const { parameters } = end(
    await all({ ...tiny, epochs: 1, batchSize: 60, lr: 0.5, momentum: 0.5, weightDecay: 0.25 }),
  )
  const session = createSession(network)
  const { batches } = await import('../lib/data/batches.ts')
  const [batch] = batches(data.train, { batchSize: 60, seed: 1, epoch: 0, shuffle: true })
  const coordinates = Uint32Array.from(network.parameters.keys())
  const { values } = await session.differences(batch!, coordinates, { mu: 1e-4 })
  session.dispose()
  const expected = network.parameters.map((theta, i) => theta - 0.5 * Math.fround(values[i]! + 0.25 * theta))
  parameters.forEach((value, i) => {
    const error = Math.abs(value - expected[i]!)
    assert.ok(
      error <= 1e-6 * Math.max(1, Math.abs(expected[i]!)),
      `parameter ${i}: ${value}, expected ${expected[i]}`,
    )
  })
})

test('sparsity: fewer queries, another set after each refresh', async () => {
  const layer = networkByName('cnn-1x3', { seed: 5 }).layout
  const coordinates = uniformSparsity(layer, 0.9, { seed: 1, draw: 0 })
  const events = await all({
    ...tiny,
    sparsity: 0.9,
    weightDecay: 0,
    momentum: 0,
    refreshEpochs: 1,
    scheme: 'central',
  })
  assert.is(steps(events)[0]!.queries, 2 * coordinates.length)
  const moved = end(events).parameters.reduce(
    (n, value, i) => n + (value !== network.parameters[i] ? 1 : 0),
    0,
  )
  assert.ok(moved > coordinates.length, 'a second draw moves other weights too')
  const once = end(await all({ ...tiny, sparsity: 0.9, weightDecay: 0, momentum: 0 })).parameters
  once.forEach((value, i) => {
    if (!coordinates.includes(i)) assert.is(value, network.parameters[i])
  })
})

test('break writes a checkpoint, and resuming ends as if nothing had happened', async () => {
  const run = fresh()
  const whole = fresh()
  const options = {
    ...tiny,
    epochs: 3,
    sparsity: 0.5,
    refreshEpochs: 1,
    augment: true,
    checkpointEverySteps: 100,
  }
  const uninterrupted = await all({ ...options, run: whole })
  for (const stop of [1, 3, 4, 9]) {
    for await (const event of train(network, data, { ...options, run, resume: true })) {
      if (event.type === 'step' && event.step === stop) break
    }
    assert.is(
      readFileSync(join(run, 'latest'), 'utf8'),
      `checkpoints/${stop}${stop % 3 === 0 ? '-unevaluated' : ''}\n`,
    )
    assert.not.ok(existsSync(join(run, 'lock')))
  }
  const resumed = await all({ ...options, run, resume: true })
  assert.equal(end(resumed).parameters, end(uninterrupted).parameters)
  assert.equal(end(resumed).buffers, end(uninterrupted).buffers)
  assert.equal(end(resumed).best, end(uninterrupted).best)
  const timeless = (directory: string): object[] =>
    readMetrics(directory).map(({ seconds: _, queriesPerSecond: __, waited: ___, ...rest }) => rest)
  assert.equal(timeless(run), timeless(whole))
})

test('abort: in the middle of a step, with a checkpoint of the last whole one', async () => {
  const run = fresh()
  const controller = new AbortController()
  const seen: number[] = []
  const training = (async () => {
    for await (const event of train(network, data, { ...tiny, run, signal: controller.signal })) {
      if (event.type !== 'step') continue
      seen.push(event.step)
      if (event.step === 2) setImmediate(() => controller.abort())
    }
  })()
  await rejects(training, 'ERR_ABORTED', /after step \d/)
  assert.ok(seen.length < 6)
  assert.is(
    readFileSync(join(run, 'latest'), 'utf8').trim().replace('-unevaluated', ''),
    `checkpoints/${seen.at(-1)}`,
  )
  const before = new AbortController()
  before.abort()
  await rejects(drain({ ...tiny, signal: before.signal }), 'ERR_ABORTED', /after step 0/)
})

test('a loss that is no number stops the run and keeps the last good checkpoint', async () => {
  const run = fresh()
  const options = { ...tiny, run, lr: 1e30, checkpointEverySteps: 1 }
  const error = await rejects(drain(options), 'ERR_DIVERGED', /stopped at step \d+ of 6/)
  const latest = readFileSync(join(run, 'latest'), 'utf8').trim()
  assert.match(error.message, latest)
  // Its weights work: the next step's loss is finite.
  const { loadModel } = await import('../lib/model.ts')
  const session = createSession(await loadModel(join(run, latest, 'model.safetensors')))
  const { loss } = await evaluate(session, data.test)
  session.dispose()
  assert.ok(Number.isFinite(loss))
})

test('refuses wrong options when called, with the nearest name', () => {
  const refused = (options: object, code: string, message: RegExp): void =>
    assert.throws(
      () => train(network, data, options),
      (error: DeepZeroError) => {
        assert.is(error.code, code)
        assert.match(error.message, message)
        return true
      },
    )
  refused({ epocs: 3 }, 'ERR_UNKNOWN_OPTION', /did you mean 'epochs'/)
  refused({ mu: 0 }, 'ERR_INVALID_ARGUMENT', /options\.mu: expected .* received 0/)
  refused({ mu: Number.NaN }, 'ERR_INVALID_ARGUMENT', /received NaN/)
  refused({ sparsity: 1 }, 'ERR_INVALID_ARGUMENT', /below 1, received 1/)
  refused({ sparsity: -0.1 }, 'ERR_INVALID_ARGUMENT', /at least 0/)
  refused({ batchSize: 1 }, 'ERR_INVALID_ARGUMENT', /at least 2, received 1/)
  refused({ batchSize: 2.5 }, 'ERR_INVALID_ARGUMENT', /an integer/)
  refused({ schedule: 'cosin' }, 'ERR_INVALID_ARGUMENT', /did you mean 'cosine'/)
  refused({ schedule: 'step' }, 'ERR_INVALID_ARGUMENT', /milestones/)
  refused({ warmupEpochs: 11 }, 'ERR_INVALID_ARGUMENT', /at most the 10 epochs/)
  refused({ resume: true }, 'ERR_INVALID_ARGUMENT', /run directory to resume/)
  refused({ signal: true }, 'ERR_INVALID_ARGUMENT', /AbortSignal/)
  assert.throws(() => train(networkByName('cnn-1x2', { classes: 4 }), data), /10 outputs/)
})

test('refuses data and weights that are not numbers', async () => {
  const parameters = network.parameters.slice()
  parameters[3] = Number.NaN
  await rejects(
    (async () => {
      for await (const _ of train({ ...network, parameters }, data, tiny));
    })(),
    'ERR_NOT_FINITE',
    /conv_layers\.0\.weight/,
  )
  for (const [given, message] of [
    [{ mean: [Number.NaN, 0, 0] }, /data\.train\.mean: expected a finite number, received NaN/],
    [{ std: [1, 0, 1] }, /data\.train\.std: expected a finite number above 0, received 0/],
  ] as const)
    assert.throws(() => train(network, { ...data, train: { ...data.train, ...given } }, tiny), message)
})

test('a run directory that cannot be written', async () => {
  const run = fresh()
  writeFileSync(run, 'a file')
  await rejects(drain({ ...tiny, run }), 'ERR_INVALID_ARGUMENT', /expected a folder or the path of a new one/)
  rmSync(run)
  await rejects(drain({ ...tiny, run: join('/dev/null', 'run') }), 'ERR_FILE', /cannot be created/)
})

test('other data or another network are not resumed', async () => {
  const run = fresh()
  await drain({ ...tiny, epochs: 1, run })
  const again = { ...tiny, epochs: 1, run, resume: true }
  await rejects(drain({ ...again, epochs: 2 }), 'ERR_RUN', /epochs was 1, now 2;/)
  // Of the same name and layout: one op is another.
  const ops = network.spec.ops.map((op) => (op.op === 'batchNorm2d' ? { ...op, eps: 1e-3 } : op))
  await rejects(
    all(again, { ...network, spec: { ...network.spec, ops } }),
    'ERR_RUN',
    /the network is not the same/,
  )
  // One pixel or one class of one split is another.
  for (const split of ['train', 'test'] as const)
    for (const part of ['images', 'labels'] as const) {
      const values = data[split][part].slice()
      values[0] = (values[0]! + 1) % 10
      const other = { ...data, [split]: { ...data[split], [part]: values } }
      const resumed = train(network, other, again).next()
      await rejects(resumed, 'ERR_RUN', /the data is not the same/)
    }
  // Normalised in another way.
  const brighter = { ...data, train: { ...data.train, mean: data.train.mean.map((mean) => mean / 2) } }
  await rejects(train(network, brighter, again).next(), 'ERR_RUN', /the data is not the same/)
  assert.equal(readdirSync(join(run, 'checkpoints')).length, 2)
})

test('the linear classifier learns what pixels give away, and nothing from constant images', () => {
  const { train: one } = data
  const labels = one.labels.map((_, i) => i % 2)
  const scale = { labels, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }
  const bright = {
    ...one,
    ...scale,
    images: one.images.map((_, i) => (labels[Math.floor(i / 3072)] ? 220 : 35)),
  }
  const reached = (set: typeof bright): number | undefined =>
    softmaxRegression({ ...data, train: set, test: set }, { lr: 1e-3, weightDecay: 0, epochs: 5 }).test.at(-1)
  assert.is(reached(bright), 1)
  const blank = { ...bright, images: one.images.map(() => 127) }
  assert.is(reached(blank), 0.5)
})

/**
 * One image of one pixel x = 1, in one of four cases of class 1: with d the score of class 1 minus that of class 0, weight
 * and bias both get half of d, and a quarter of the images is right while d > 0, three quarters otherwise.
 *
 *     g = 2·(softmax_1 − ¼),  v ← 0.9·v + g,  d ← d − 2·lr·v
 */
test('the linear classifier has a momentum of 0.9', () => {
  const lr = 3
  let [velocity, d] = [0, 0]
  const expected = Array.from({ length: 12 }, () => {
    velocity = 0.9 * velocity + 2 / (1 + Math.exp(-d)) - 0.5
    d -= 2 * lr * velocity
    assert.ok(Math.abs(d) > 0.1, `${d} is beyond roundings of float32`)
    return d > 0 ? 0.25 : 0.75
  })
  assert.ok(new Set(expected).size === 2, 'it overshoots')
  const shape = [1, 1, 1] as const
  const images = new Uint8Array(4).fill(255)
  const labels = Uint8Array.of(0, 0, 1, 0)
  const set = { name: 'ones', images, labels, count: 4, shape, classes: ['a', 'b'], mean: [0], std: [1] }
  const splits = { name: 'ones', train: set, test: set, classes: set.classes, shape }
  const outcome = softmaxRegression(splits, { lr, weightDecay: 0, epochs: 12 })
  assert.equal(outcome.train, expected)
  assert.equal(outcome.test, expected)
})

test.run()
