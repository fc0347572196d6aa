// Regression: the mean squared error in sessions, batches of targets, training with its events, checkpoints and resume,
// evaluation, and black-box heads, which the network's loss does not concern.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import type { RegressionDataset, Splits } from '../lib/data/dataset.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { blackBoxHead } from '../lib/estimators/black-box-head.ts'
import { loadModel, saveModel } from '../lib/model.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { Purpose, randomWords } from '../lib/random.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import { createSession } from '../lib/session.ts'
import { evaluate } from '../lib/training/evaluate.ts'
import type { EndEvent, EpochEvent, TrainEvent } from '../lib/training/events.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const SHAPE = [2, 6, 5] as const
const OUTPUTS = 30

/** Predicts one number at each pixel. */
function field(seed = 1): Network {
  const net = networkBuilder('field', SHAPE, { loss: 'meanSquaredError' })
  const x = net.leakyRelu(
    'leaky',
    net.conv2d('first', net.input, { out: 4, kernel: 3, padding: 1, bias: true }),
  )
  net.conv2d('last', x, { out: 1, kernel: 3, padding: 1, bias: true })
  return net.build({ seed })
}

/** Images of noise; the target is the difference of their two channels, smoothed a little. */
function noise(count: number, stream: number): RegressionDataset {
  const plane = SHAPE[1] * SHAPE[2]
  const images = Uint8Array.from(
    randomWords({ seed: 8, purpose: Purpose.syntheticData, stream }, count * 2 * plane),
    (word) => word >>> 24,
  )
  const targets = new Float32Array(count * plane)
  for (let n = 0; n < count; ++n)
    for (let i = 0; i < plane; ++i) {
      const at = 2 * n * plane + i
      targets[n * plane + i] = (images[at]! - images[at + plane]!) / 128
    }
  return {
    name: `noise ${stream}`,
    images,
    targets,
    count,
    shape: SHAPE,
    classes: [],
    mean: [0.5, 0.5],
    std: [0.25, 0.25],
  }
}

const data: Splits<RegressionDataset> = {
  name: 'noise',
  train: noise(48, 0),
  test: noise(20, 1),
  classes: [],
  shape: SHAPE,
}

const options = { epochs: 3, batchSize: 16, augment: false, lr: 0.02, weightDecay: 0 } as const

async function all(more: TrainOptions = {}): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(field(), data, { ...options, ...more })) events.push(event)
  return events
}

const refused = (work: () => unknown, code: string, ...words: string[]): void =>
  assert.throws(work, (error: DeepZeroError) => {
    assert.is(error.code, code)
    for (const word of words) assert.ok(error.message.includes(word), `'${error.message}' says '${word}'`)
    return true
  })

const rejects = async (work: Promise<unknown>, code: string, ...words: string[]): Promise<void> => {
  const error = (await work.then(
    () => assert.unreachable(`expected ${code}`),
    (reason) => reason,
  )) as DeepZeroError
  refused(
    () => {
      throw error
    },
    code,
    ...words,
  )
}

test('label smoothing, which is for classes, is refused by the call', () => {
  const call = () => train(field(), data, { ...options, labelSmoothing: 0.1 })
  refused(call, 'ERR_INVALID_ARGUMENT', 'options.labelSmoothing: expected 0 for data with targets')
})

test('forward: the mean of squares over images and outputs; no accuracy', async () => {
  using session = createSession(field())
  const [batch] = batches(data.train, { batchSize: 16 })
  const { loss, accuracy, correct, outputs } = await session.forward(batch!)
  const squares = outputs.reduce((sum, z, i) => sum + (z - batch!.targets[i]!) ** 2, 0)
  // Float64 sums in another order.
  assert.ok(Math.abs(loss - squares / outputs.length) <= 1e-12 * loss, `${loss}`)
  assert.is(outputs.length, 16 * OUTPUTS)
  assert.ok(Number.isNaN(accuracy))
  assert.is(correct, 0)
  const { loss: none } = await session.forward({ input: batch!.input })
  assert.ok(Number.isNaN(none))
})

test('differences and directions at a small mu are the gradient, to what finite differences can say', async () => {
  using session = createSession(field())
  const [batch] = batches(data.train, { batchSize: 8 })
  // The bias of the last convolution: ∂loss/∂b = mean of 2·(z − t), exactly at any mu but for mu itself.
  const bias = session.network.layout.parameterCount - 1
  const { outputs } = await session.forward(batch!)
  const gradient = outputs.reduce((sum, z, i) => sum + 2 * (z - batch!.targets[i]!), 0) / outputs.length
  for (const mu of [1e-2, 1e-7]) {
    const { values, accuracy } = await session.differences(batch!, [bias], { mu })
    assert.ok(
      Math.abs(values[0]! - (gradient + mu)) <= 1e-6,
      `${values[0]} at mu ${mu}, expected ${gradient}`,
    )
    assert.ok(Number.isNaN(accuracy))
    const along = await session.randomDifferences(batch!, {
      mu,
      coordinates: [bias],
      directions: 'rademacher',
    })
    assert.ok(Math.abs(along.gradient[bias]! - gradient) <= mu + 1e-6)
  }
})

test('batches: targets follow their images through the shuffle', () => {
  const seen: number[] = []
  for (const { input, targets, count } of batches(data.train, { batchSize: 20, shuffle: true, seed: 4 })) {
    const plane = SHAPE[1] * SHAPE[2]
    for (let n = 0; n < count; ++n)
      for (let i = 0; i < plane; ++i) {
        const at = 2 * n * plane + i
        // (a − b)/128 from normalised pixels: (x/255 − 0.5)/0.25, float32.
        const expected = ((input[at]! - input[at + plane]!) * 0.25 * 255) / 128
        assert.ok(Math.abs(targets[n * plane + i]! - expected) <= 1e-5)
      }
    seen.push(count)
  }
  assert.equal(seen, [20, 20, 8])
  refused(
    () => batches(data.train, { batchSize: 4, augment: true }),
    'ERR_INVALID_ARGUMENT',
    'augment',
    'targets',
  )
})

test('wrong targets are refused by name, as are classes for a regression and targets for classes', async () => {
  using session = createSession(field())
  const input = new Float32Array(2 * 60)
  const targets = new Float32Array(2 * OUTPUTS)
  const call = (batch: object): Promise<unknown> => session.differences(batch as never, [0])
  await rejects(call({ input }), 'ERR_INVALID_ARGUMENT', 'batch.targets', '2×30 numbers', 'meanSquaredError')
  await rejects(call({ input, target: [0, 1] }), 'ERR_INVALID_ARGUMENT', 'batch.targets')
  await rejects(
    call({ input, targets: [...targets] }),
    'ERR_INVALID_ARGUMENT',
    'batch.targets',
    'Float32Array',
  )
  await rejects(
    call({ input, targets: targets.subarray(1) }),
    'ERR_SHAPE',
    '60 numbers, 30 for each image',
    '59',
  )
  targets[40] = Number.POSITIVE_INFINITY
  await rejects(call({ input, targets }), 'ERR_NOT_FINITE', 'targets', 'inf', 'image 1')
  targets[40] = 0
  await rejects(
    session.differences({ input, targets }, [0], { labelSmoothing: 0.1 }),
    'ERR_INVALID_ARGUMENT',
    'smoothing',
  )
  using classifier = createSession(cnn(1, 4, { input: SHAPE }))
  await rejects(
    classifier.differences({ input, targets }, [0]),
    'ERR_INVALID_ARGUMENT',
    'batch.target',
    'classes',
  )
})

test('training lowers the loss; events have no accuracy, and the best epoch is that of the lowest loss', async () => {
  const events = await all()
  const epochs = events.filter((event): event is EpochEvent => event.type === 'epoch')
  const end = events.at(-1) as EndEvent
  assert.is(epochs.length, 3)
  assert.ok(
    epochs[2]!.trainLoss < 0.7 * epochs[0]!.trainLoss,
    epochs.map(({ trainLoss }) => trainLoss).join(),
  )
  for (const { trainAccuracy, testAccuracy } of epochs)
    assert.ok(Number.isNaN(trainAccuracy) && Number.isNaN(testAccuracy))
  const least = Math.min(...epochs.map(({ testLoss }) => testLoss))
  assert.is(end.best.testLoss, least)
  assert.is(epochs[end.best.epoch - 1]!.testLoss, least)
  assert.is(end.testLoss, epochs[2]!.testLoss)
})

test('of epochs of the same loss, the first is the best', async () => {
  // Steps that are lost in the rounding of the outputs.
  const events = await all({ lr: 1e-12 })
  const losses = events.filter((event) => event.type === 'epoch').map(({ testLoss }) => testLoss)
  assert.equal(losses, Array(3).fill(losses[0]))
  assert.is((events.at(-1) as EndEvent).best.epoch, 1)
})

test('a resumed run has the same weights and the same best epoch', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-regression-'))
  try {
    const run = join(folder, 'run')
    // The rate rises in the second part, so that a loss is best that is not the last one.
    const whole = (await all()).at(-1) as EndEvent
    for await (const event of train(field(), data, { ...options, run }))
      if (event.type === 'step' && event.step === 4) break
    const state = JSON.parse(readFileSync(join(run, 'checkpoints', '4', 'state.json'), 'utf8'))
    assert.is(state.best.testAccuracy, null)
    const resumed = (await all({ run, resume: true })).at(-1) as EndEvent
    assert.equal(resumed.parameters, whole.parameters)
    assert.equal(resumed.best.epoch, whole.best.epoch)
    assert.ok(Number.isNaN(resumed.testAccuracy))
    assert.ok(readMetrics(run).every((line) => (line.accuracy ?? line.testAccuracy ?? null) === null))
    const { spec } = await loadModel(
      join(run, 'best', '..', resumed.checkpoint!.split('/run/')[1]!, 'model.safetensors'),
    )
    assert.is(spec.loss, 'meanSquaredError')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('networks and data of different losses are refused before anything is trained', () => {
  const classifier = cnn(1, 4, { input: SHAPE, classes: OUTPUTS })
  refused(
    () => train(classifier, data, options),
    'ERR_NETWORK',
    'meanSquaredError',
    'targets',
    'crossEntropy',
  )
  const net = networkBuilder('few', SHAPE, { loss: 'meanSquaredError' })
  net.linear('fc', net.input, { out: 7 })
  refused(() => train(net.build({ seed: 1 }), data, options), 'ERR_SHAPE', '30 outputs, one per target', '7')
})

test('targets that are no numbers are to blame themselves, not the learning rate', async () => {
  for (const split of ['train', 'test'] as const) {
    const targets = data[split].targets.slice()
    targets[7] = Number.NaN
    const broken = { ...data, [split]: { ...data[split], targets } }
    const training = (async () => {
      for await (const _ of train(field(), broken, options));
    })()
    await rejects(training, 'ERR_DATA', 'target')
  }
})

test('evaluate: the mean over all images, whatever the batches', async () => {
  using session = createSession(field())
  const [a, b] = [await evaluate(session, data.test, { batchSize: 7 }), await evaluate(session, data.test)]
  assert.ok(Math.abs(a.loss - b.loss) <= 1e-12 * b.loss) // float64 sums
  assert.ok(Number.isNaN(a.accuracy))
  assert.is(a.images, 20)
})

test('a black-box head takes a regression network, with targets or without', async () => {
  using session = createSession(field())
  const [batch] = batches(data.train, { batchSize: 4 })
  const squares = (outputs: Float32Array, wanted: Float32Array): number =>
    outputs.reduce((sum, z, i) => sum + (z - wanted[i]!) ** 2, 0) / outputs.length
  const coordinates = [0, 50, 100]
  const mu = 1e-2
  const head = blackBoxHead<typeof batch & object>((outputs, { targets }) => squares(outputs, targets))
  const got = await head.differences(session, batch!, coordinates, { mu })
  const expected = await session.differences(batch!, coordinates, { mu })
  assert.ok(Math.abs(got.loss - expected.loss) <= 1e-6 * expected.loss)
  // The head sees float32 outputs, moved by mu.
  got.values.forEach((value, i) => {
    assert.ok(Math.abs(value - expected.values[i]!) <= 1e-4, `${value} and ${expected.values[i]}`)
  })
  const still = blackBoxHead((outputs) => outputs[0]!)
  assert.ok(Number.isFinite((await still.forward(session, { input: batch!.input })).loss))
})

test('a model file keeps the loss', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-regression-'))
  try {
    const file = join(folder, 'field.safetensors')
    const network = field(7)
    await saveModel(file, network, network.parameters, network.buffers)
    assert.equal((await loadModel(file)).spec, network.spec)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
