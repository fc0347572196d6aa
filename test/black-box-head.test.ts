/** A function as the loss: against the network's own loss, and how the function is called. */
import { EventEmitter, once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Batch } from '../lib/batch.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { blackBoxHead } from '../lib/estimators/black-box-head.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { networkBuilder } from '../lib/networks/network.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { createSession } from '../lib/session.ts'
import { rejects } from './fixtures/rejects.ts'

const SIZE = 8
const CLASSES = 3
const IMAGES = 6

const net = networkBuilder('small', [3, SIZE, SIZE])
const conv = net.conv2d('conv1', net.input, { out: 4, kernel: 3, padding: 1, bias: true })
const relu = net.relu('relu1', net.batchNorm2d('bn1', conv))
net.linear('fc', net.globalAvgPool('pool', relu), { out: CLASSES })
const network = net.build({ seed: 3 })

const input = randomNormal({ seed: 8, purpose: Purpose.syntheticData }, IMAGES * 3 * SIZE * SIZE)
const target = Int32Array.from({ length: IMAGES }, (_, i) => i % CLASSES)
const batch = { input, target }
/** All weights but the biases that batch norm takes out: every network moves. */
const still = network.layout.parameters.find(({ name }) => name === 'conv1.bias')!
const moving = Uint32Array.from({ length: network.layout.parameterCount }, (_, i) => i).filter(
  (i) => i < still.offset || i >= still.offset + still.size,
)

/** The mean cross-entropy, in float64. */
function crossEntropy(outputs: Float32Array, given: Batch): number {
  let loss = 0
  for (let n = 0; n < IMAGES; ++n) {
    const z = [...outputs.subarray(n * CLASSES, (n + 1) * CLASSES)]
    const most = Math.max(...z)
    loss += most + Math.log(z.reduce((sum, x) => sum + Math.exp(x - most), 0)) - z[given.target![n]!]!
  }
  return loss / IMAGES
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable('it was fulfilled'),
    (error: unknown) => error,
  )
}

test('cross-entropy as a black box gives the estimates of session.differences', async () => {
  using session = createSession(network)
  for (const scheme of ['forward', 'central'] as const)
    for (const statistics of ['batch', 'running'] as const) {
      const options = { mu: 1e-2, scheme, statistics }
      const expected = await session.differences(batch, moving, options)
      const got = await blackBoxHead(crossEntropy).differences(session, batch, moving, options)
      // The box gets outputs of order 1 in float32, so its value is off by up to 6e-8, and a difference of two by about
      // 1e-7/mu = 1e-5, against estimates of order 0.1: this is what a black box loses, and why mu is large here.
      const error = relativeError(got.values, expected.values)
      assert.ok(error <= 1e-3, `${scheme}, ${statistics}: ${error}`)
      assert.ok(Math.abs(got.loss - expected.loss) <= 1e-12)
      assert.is(got.correct, expected.correct)
      assert.is(got.accuracy, expected.accuracy)
    }
})

test('neither an asynchronous function, nor concurrency, nor batches change a bit', async () => {
  using session = createSession(network)
  for (const scheme of ['forward', 'central'] as const) {
    const options = { mu: 1e-2, scheme, blockSize: 7 }
    const expected = await blackBoxHead(crossEntropy).differences(session, batch, moving, options)

    let calls = 0
    let inFlight = 0
    let most = 0
    const eight = new EventEmitter()
    const slow = async (outputs: Float32Array, given: Batch): Promise<number> => {
      most = Math.max(most, ++inFlight)
      // The base outputs come first, alone; the next eight calls wait for each other.
      if (++calls === 9) eight.emit('full')
      else if (calls > 1 && calls < 9) await once(eight, 'full')
      else await pause(2 * Math.random())
      inFlight -= 1
      return crossEntropy(outputs, given)
    }
    const head = blackBoxHead(slow, { concurrency: 8 })
    assert.equal(await head.differences(session, batch, moving, options), expected)
    assert.is(most, 8)

    const sizes: number[] = []
    const many = (list: Float32Array[], given: Batch): Float64Array => {
      sizes.push(list.length)
      return Float64Array.from(list, (outputs) => crossEntropy(outputs, given))
    }
    const batched = blackBoxHead(many, { batchSize: 5, concurrency: 2 })
    assert.equal(await batched.differences(session, batch, moving, options), expected)
    assert.is(sizes[0], 1)
    assert.ok(sizes.slice(1).every((size) => size <= 5) && sizes.includes(5))
    assert.is(
      sizes.reduce((sum, size) => sum + size),
      1 + moving.length * (scheme === 'central' ? 2 : 1),
    )
  }
})

test('the function gets the batch that was passed, and needs no target; its arrays are its own', async () => {
  using session = createSession(network)
  const labelled = { input, wanted: Float64Array.of(0.5, -1, 2) }
  const squares = (outputs: Float32Array, { wanted }: typeof labelled): number => {
    const sum = outputs.reduce((all, z, i) => all + (z - wanted[i % CLASSES]!) ** 2, 0)
    outputs.fill(9)
    return sum
  }
  const head = blackBoxHead(squares)
  // A quadratic along the last bias, of which the outputs are linear: Σ_n 2·(z − w) without truncation.
  const last = network.layout.parameterCount - 1
  const result = await head.differences(session, labelled, [last], { mu: 0.5, scheme: 'central' })
  const { outputs } = await session.forward(labelled, { statistics: 'batch' })
  let expected = 0
  for (let n = 0; n < IMAGES; ++n) expected += 2 * (outputs[n * CLASSES + 2]! - 2)
  // Outputs rounded to float32, a step of the order of the outputs.
  assert.ok(Math.abs(result.values[0]! - expected) <= 1e-5 * Math.abs(expected))
  assert.ok(Number.isNaN(result.accuracy))
  assert.is(result.correct, 0)
})

test('where the outputs do not move the estimate is 0 without a call', async () => {
  using session = createSession(network)
  let calls = 0
  const noisy = (): number => {
    calls += 1
    return Math.random()
  }
  const { values } = await blackBoxHead(noisy).differences(session, batch, [still.offset, moving[0]!])
  assert.is(values[0], 0)
  assert.not.equal(values[1], 0)
  assert.is(calls, 2)
})

test('forward: the loss is the function', async () => {
  using session = createSession(network)
  const expected = await session.forward(batch)
  assert.equal(await blackBoxHead(() => 7).forward(session, batch), { ...expected, loss: 7 })
  await rejects(
    blackBoxHead(() => Number.POSITIVE_INFINITY).forward(session, batch, { statistics: 'batch' }),
    'ERR_NOT_FINITE',
    /^f at θ: expected a finite number, received Infinity$/,
  )
})

test('a value that is no finite number is refused, naming the query', async () => {
  using session = createSession(network)
  let calls = 0
  const fourth = (value: unknown) => (): number => (++calls % 4 === 0 ? (value as number) : 1)
  for (const [value, shown] of [
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    ['1', "'1'"],
  ]) {
    calls = 0
    await rejects(
      blackBoxHead(fourth(value)).differences(session, batch, moving, { scheme: 'central' }),
      'ERR_NOT_FINITE',
      new RegExp(`^f at θ \\+ μ·e\\[${moving[1]}\\]: expected a finite number, received ${shown}$`),
    )
    assert.is(calls, 4)
  }
  await rejects(
    blackBoxHead(() => [1], { batchSize: 3 }).differences(session, batch, moving),
    'ERR_INVALID_ARGUMENT',
    /^f: expected 3 values, one for each of the networks, received an array of 1$/,
  )
})

test('what the function throws rejects the call, and no further call is started', async () => {
  using session = createSession(network)
  const failure = new RangeError('mine')
  let started = 0
  const open: (() => void)[] = []
  const events = new EventEmitter()
  const fifth = once(events, 'fifth')
  // The base outputs, three calls that stay open, and one that fails.
  const failing = (): number | Promise<number> => {
    started += 1
    if (started === 1) return 1
    if (started < 5) return new Promise((resolve) => open.push(() => resolve(1)))
    events.emit('fifth')
    throw failure
  }
  const before = session.getBuffers()
  const head = blackBoxHead(failing, { concurrency: 4 })
  let settled = false
  const call = rejection(
    head.differences(session, batch, moving, { updateRunning: true, blockSize: 3 }),
  ).finally(() => {
    settled = true
  })
  await fifth
  await pause(10)
  assert.not(settled, 'three calls are in flight')
  for (const resolve of open) resolve()
  assert.is(await call, failure)
  assert.is(started, 5)
  assert.equal(session.getBuffers(), before)
  const thrower = blackBoxHead(() => {
    throw failure
  })
  assert.is(await rejection(thrower.differences(session, batch, moving)), failure)
})

test('running statistics move once all has gone well, as in session.differences', async () => {
  using session = createSession(network)
  using other = createSession(network)
  const before = session.getBuffers()
  const head = blackBoxHead(crossEntropy, { concurrency: Number.MAX_SAFE_INTEGER })
  await head.differences(session, batch, moving)
  assert.equal(session.getBuffers(), before)
  await head.differences(session, batch, moving, { updateRunning: true })
  await other.differences(batch, moving, { updateRunning: true })
  assert.not.equal(session.getBuffers(), before)
  assert.equal(session.getBuffers(), other.getBuffers())
})

test('an abort does not wait for the function', async () => {
  using session = createSession(network)
  const abort = new AbortController()
  let calls = 0
  const stuck = (): Promise<number> => {
    calls += 1
    if (calls === 1) return Promise.resolve(1)
    setImmediate(() => abort.abort(new Error('enough')))
    return new Promise(() => {})
  }
  const options = { signal: abort.signal }
  const error = (await rejection(
    blackBoxHead(stuck, { concurrency: 2 }).differences(session, batch, moving, options),
  )) as DeepZeroError
  assert.is(error.code, 'ERR_ABORTED')
  assert.is((error.cause as Error).message, 'enough')
  assert.is(calls, 3)
  await session.forward(batch)
  await rejects(
    blackBoxHead(crossEntropy).differences(session, batch, moving, options),
    'ERR_ABORTED',
    /aborted/,
  )
})

test('a session disposed meanwhile ends the call', async () => {
  const session = createSession(network)
  const disposing = (): number => {
    session.dispose()
    return 1
  }
  await rejects(blackBoxHead(disposing).differences(session, batch, moving), 'ERR_DISPOSED', /disposed/)
})

test('progress counts coordinates, and what it throws rejects the call', async () => {
  using session = createSession(network)
  const reports: [number, number][] = []
  const onProgress = (...report: [number, number]): unknown => reports.push(report)
  await blackBoxHead(crossEntropy).differences(session, batch, moving, { scheme: 'central', onProgress })
  assert.is(reports.length, 2 * moving.length)
  assert.equal(reports.at(-1), [moving.length, moving.length])
  assert.ok(reports.every(([done], i) => i === 0 || done >= reports[i - 1]![0]))
  const failure = new Error('mine')
  const failing = (): void => {
    throw failure
  }
  const head = blackBoxHead(crossEntropy)
  assert.is(await rejection(head.differences(session, batch, moving, { onProgress: failing })), failure)
})

test('wrong arguments are refused', async () => {
  using session = createSession(network)
  const make = (f: unknown, options: object) => () => blackBoxHead(f as () => number, options)
  assert.throws(make(1, {}), /^f: expected a function, received 1$/)
  assert.throws(make(crossEntropy, { concurrency: 0 }), /options.concurrency: expected an integer at least 1/)
  assert.throws(make(crossEntropy, { batchsize: 2 }), /did you mean 'batchSize'\?/)
  const head = blackBoxHead(crossEntropy)
  await rejects(
    head.differences(session, batch, moving, { method: 'two-pass' } as object),
    'ERR_UNKNOWN_OPTION',
    /'method'/,
  )
  await rejects(head.differences(session, batch, [-1]), 'ERR_INVALID_ARGUMENT', /coordinates\[0\]/)
  await rejects(
    head.forward(session, batch, { updateRunning: true } as object),
    'ERR_UNKNOWN_OPTION',
    /updateRunning/,
  )
})

test.run()
