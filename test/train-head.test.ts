// train with a black-box head: the loss of training and evaluation is the function's; what it refuses; its run directory.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Batch,
  batches,
  blackBoxHead,
  builtin,
  cnn,
  createSession,
  DeepZeroError,
  type TrainEvent,
  type TrainOptions,
  train,
} from '../lib/index.ts'
import { rejects } from './fixtures/rejects.ts'

const data = builtin({ train: 80, test: 40 })
const network = cnn(1, 4, { seed: 1 })

/** Mean squared distance of the outputs to the targets, one-hot: nothing that the engine has as a loss. */
function squared(outputs: Float32Array, { target }: Batch): number {
  const classes = outputs.length / target!.length
  let sum = 0
  outputs.forEach((z, i) => {
    sum += (z - (target![Math.floor(i / classes)] === i % classes ? 1 : 0)) ** 2
  })
  return sum / target!.length
}

const quick: TrainOptions = {
  epochs: 2,
  batchSize: 20,
  lr: 0.05,
  mu: 1e-3,
  scheme: 'central',
  augment: false,
}

async function run(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...quick, ...options })) events.push(event)
  return events
}
const losses = (events: readonly TrainEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.loss] : []))

test('the loss is the function, in training and evaluation, and falls', async () => {
  let calls = 0
  const counted = blackBoxHead((outputs: Float32Array, batch: Batch) => {
    calls += 1
    return squared(outputs, batch)
  })
  const events = await run({ head: counted, epochs: 4 })
  const steps = losses(events)
  assert.is(steps.length, 16)
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length
  assert.ok(mean(steps.slice(-4)) < 0.7 * mean(steps.slice(0, 4)), steps.join(' '))
  // The test loss is the function's, too, of the weights at the end.
  const end = events.at(-1)
  assert.ok(end?.type === 'end')
  using session = createSession(network, { weights: end })
  const { outputs } = await session.forward(
    batches(data.test, { batchSize: data.test.count }).next().value as Batch,
  )
  const target = Int32Array.from(data.test.labels)
  assert.is(end.testLoss, squared(outputs, { input: outputs, target }))
  // Two sides of every coordinate that moves the outputs.
  assert.ok(calls > 16 * network.layout.parameterCount)
})

test('refused: what has no meaning with a head, and what is none', () => {
  const head = blackBoxHead(squared)
  const wrong = (options: TrainOptions) => () => train(network, data, { ...quick, head, ...options })
  assert.throws(
    wrong({ estimator: 'rge' }),
    /options\.estimator: expected 'cge' beside a black-box head, received 'rge'/,
  )
  assert.throws(wrong({ method: 'two-pass' }), /options\.method: expected 'propagation'/)
  assert.throws(wrong({ labelSmoothing: 0.1 }), /options\.labelSmoothing: expected 0 /)
  assert.throws(
    wrong({ head: squared as never }),
    /options\.head: expected a BlackBoxHead, received a function/,
  )
})

test("a run resumes with a head to the same bits, and not without one; the function's error ends it", async () => {
  const directory = mkdtempSync(join(tmpdir(), 'deepzero-'))
  try {
    const path = join(directory, 'run')
    const head = blackBoxHead(squared)
    const whole = losses(await run({ head }))
    const first = losses(await run({ head, run: path, maxSteps: 3 }))
    await rejects(run({ run: path, resume: true }), 'ERR_RUN', /head was "black box", now null/)
    const second = losses(await run({ head, run: path, resume: true, maxSteps: 0 }))
    assert.equal([...first, ...second], whole)
    const broken = blackBoxHead(() => {
      throw new TypeError('no connection')
    })
    const failure = await run({ head: broken }).catch((error: unknown) => error)
    assert.ok(failure instanceof TypeError && failure.message === 'no connection')
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test("a value that is no number is the function's fault, not a divergence", async () => {
  for (const [value, shown] of [
    [undefined, 'undefined'],
    [Number.NaN, 'NaN'],
  ] as const) {
    const message = new RegExp(`^f at θ: expected a finite number, received ${shown}$`)
    await rejects(run({ head: blackBoxHead(() => value as number) }), 'ERR_NOT_FINITE', message)
    const many = blackBoxHead((networks: Float32Array[]) => networks.map(() => value as number), {
      batchSize: 4,
    })
    await rejects(run({ head: many }), 'ERR_NOT_FINITE', message)
  }
  // In the evaluation after the steps: the test split's batch is of another size.
  const late = blackBoxHead((outputs: Float32Array, { count }: Batch) =>
    count === 40 ? Number.NaN : outputs[0]!,
  )
  await rejects(run({ head: late }), 'ERR_NOT_FINITE', /^f at θ: /)
  // What it throws stays as it is, whatever it is.
  const thrown = new DeepZeroError('ERR_NOT_FINITE', 'of my own')
  const throwing = blackBoxHead(() => {
    throw thrown
  })
  assert.is(await run({ head: throwing }).catch((error: unknown) => error), thrown)
})

test.run()
