/** Sessions: results, call order, abort, dispose, progress, bad input. */
import { getEventListeners } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import { native } from '../lib/native.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { createSession } from '../lib/session.ts'

const SIZE = 8
const CLASSES = 3

/** conv, batch norm, ReLU, pool, linear: a few milliseconds for a call on a small batch. */
function small(channels = 4, size = SIZE): Network {
  const net = networkBuilder('small', [3, size, size])
  const conv = net.conv2d('conv1', net.input, { out: channels, kernel: 3, padding: 1 })
  const relu = net.relu('relu1', net.batchNorm2d('bn1', conv))
  const second = net.relu('relu2', net.conv2d('conv2', relu, { out: channels, kernel: 3, padding: 1 }))
  net.linear('fc', net.globalAvgPool('pool', second), { out: CLASSES })
  return net.build({ seed: 1 })
}

function images(count: number, size = SIZE) {
  const input = randomNormal({ seed: 7, purpose: Purpose.syntheticData }, count * 3 * size * size)
  return { input, target: Int32Array.from({ length: count }, (_, i) => i % CLASSES) }
}

const indices = (network: Network): Uint32Array =>
  Uint32Array.from({ length: network.layout.parameterCount }, (_, i) => i)

/** A call that takes seconds, so that it is still running when something happens to it. */
function long() {
  const network = small(16, 32)
  return {
    session: createSession(network, { threads: 1 }),
    batch: images(64, 32),
    coordinates: Uint32Array.from({ length: 200_000 }, (_, i) => i % network.layout.parameterCount),
  }
}

async function rejection(promise: Promise<unknown>): Promise<DeepZeroError> {
  const error = await promise.then(
    () => new Error('it was fulfilled'),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, DeepZeroError, String(error))
  return error as DeepZeroError
}

function thrown(work: () => unknown): DeepZeroError {
  try {
    work()
  } catch (error) {
    assert.instance(error, DeepZeroError, String(error))
    return error as DeepZeroError
  }
  throw new Error('nothing was thrown')
}

const relativeError = (actual: Float32Array, expected: Float32Array): number => {
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; ++i) {
    difference += ((actual[i] as number) - (expected[i] as number)) ** 2
    norm += (expected[i] as number) ** 2
  }
  return Math.sqrt(difference / norm)
}

test('forward gives loss, accuracy and outputs that belong together', async () => {
  using session = createSession(small())
  const batch = images(5)
  const { loss, accuracy, correct, outputs } = await session.forward(batch, { statistics: 'batch' })
  assert.is(outputs.length, 5 * CLASSES)
  let expectedLoss = 0
  let hits = 0
  for (let n = 0; n < 5; ++n) {
    const z = [...outputs.subarray(CLASSES * n, CLASSES * (n + 1))]
    const target = batch.target[n] as number
    expectedLoss += Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0)) - (z[target] as number)
    hits += z.indexOf(Math.max(...z)) === target ? 1 : 0
  }
  // The outputs are float32: seven digits.
  assert.ok(Math.abs(loss - expectedLoss / 5) <= 1e-6 * Math.abs(loss), `${loss} ${expectedLoss / 5}`)
  assert.is(correct, hits)
  assert.is(accuracy, hits / 5)
})

test('label smoothing: the loss of targets (1 − s)·onehot + s/K, in forward and in differences', async () => {
  using session = createSession(small())
  const batch = images(5)
  const labelSmoothing = 0.3
  const plain = await session.forward(batch, { statistics: 'batch' })
  const smoothed = await session.forward(batch, { statistics: 'batch', labelSmoothing })
  assert.equal(smoothed.outputs, plain.outputs)
  assert.is(smoothed.correct, plain.correct)
  let expected = 0
  for (let n = 0; n < 5; ++n) {
    const z = [...plain.outputs.subarray(CLASSES * n, CLASSES * (n + 1))]
    const logSum = Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0))
    z.forEach((x, j) => {
      const target = (j === batch.target[n] ? 1 - labelSmoothing : 0) + labelSmoothing / CLASSES
      expected += (target * (logSum - x)) / 5
    })
  }
  // Both are float64 sums over the same float32 outputs.
  assert.ok(Math.abs(smoothed.loss - expected) <= 1e-13, `${smoothed.loss} ${expected}`)
  assert.ok(Math.abs(smoothed.loss - plain.loss) > 1e-3)
  const coordinates = indices(session.network)
  const options = { mu: 1e-4, labelSmoothing } as const
  const result = await session.differences(batch, coordinates, options)
  const oracle = await session.differences(batch, coordinates, { ...options, method: 'two-pass-f64' })
  assert.is(result.loss, smoothed.loss)
  // The promise of the engine at this mu, as without smoothing.
  assert.ok(relativeError(result.values, oracle.values) <= 1e-3)
  assert.equal(
    (await session.differences(batch, coordinates, { labelSmoothing: 0 })).values,
    (await session.differences(batch, coordinates)).values,
  )
})

test('without a target there are outputs, and no loss', async () => {
  using session = createSession(small())
  const { loss, accuracy, outputs } = await session.forward({ input: images(2).input })
  assert.ok(Number.isNaN(loss) && Number.isNaN(accuracy))
  assert.ok(outputs.some((z) => z !== 0))
})

test('differences agree with two float64 passes and leave no trace in the weights', async () => {
  const network = small()
  using session = createSession(network, { threads: 2 })
  const batch = images(6)
  const before = session.getParameters()
  const buffers = session.getBuffers()
  const coordinates = indices(network)
  const result = await session.differences(batch, coordinates, { mu: 1e-4 })
  const oracle = await session.differences(batch, coordinates, { mu: 1e-4, method: 'two-pass-f64' })
  // CGE within 1e-3 at mu = 1e-4 is the promise of the engine in float32.
  assert.ok(relativeError(result.values, oracle.values) <= 1e-3)
  assert.equal(session.getParameters(), before)
  assert.equal(session.getBuffers(), buffers)
  assert.is(result.threadChunks.length, 2)
  assert.ok(result.threadChunks.every((chunks) => chunks > 0))
  const { loss } = await session.forward(batch, { statistics: 'batch' })
  assert.is(result.loss, loss)
})

test('an estimate depends on neither its neighbours nor the number of threads', async () => {
  const network = small()
  const batch = images(6)
  using one = createSession(network, { threads: 1 })
  using three = createSession(network, { threads: 3 })
  const all = await one.differences(batch, indices(network))
  const again = await three.differences(batch, indices(network))
  assert.equal(again.values, all.values)
  const few = [40, 3, 3, network.layout.parameterCount - 1]
  const { values } = await three.differences(batch, few)
  assert.equal(
    values,
    Float32Array.from(few, (i) => all.values[i] as number),
  )
})

test('the running statistics move only where asked', async () => {
  using session = createSession(small())
  const batch = images(6)
  const before = session.getBuffers()
  await session.forward(batch, { statistics: 'batch' })
  assert.equal(session.getBuffers(), before)
  await session.forward(batch, { statistics: 'batch', updateRunning: true })
  const after = session.getBuffers()
  assert.not.equal(after, before)
  await session.differences(batch, [0], { updateRunning: true })
  assert.not.equal(session.getBuffers(), after)
})

test('tensors are read and written by name', () => {
  const network = small()
  using session = createSession(network)
  const conv = session.tensor('conv1.weight')
  assert.equal(conv.shape, [4, 3, 3, 3])
  assert.equal(conv.data, network.parameters.slice(0, conv.data.length))
  session.setTensor('bn1.running_var', Float32Array.of(1, 2, 3, 4))
  assert.equal(session.tensor('bn1.running_var').data, Float32Array.of(1, 2, 3, 4))
  const { message, code } = thrown(() => session.tensor('conv1.weigth'))
  assert.is(code, 'ERR_INVALID_ARGUMENT')
  assert.match(message, "did you mean 'conv1.weight'?")
})

test('weights of the caller replace those of the network', async () => {
  const network = small()
  const parameters = network.parameters.map((value) => value / 2)
  using session = createSession(network, { weights: { parameters } })
  assert.equal(session.getParameters(), parameters)
})

test('calls run in the order they were made, on what was passed then', async () => {
  using session = createSession(small())
  const batch = images(4)
  const alone = await session.differences(batch, [0, 1, 2])
  const order: number[] = []
  const done = (i: number) => () => order.push(i)
  const coordinates = Uint32Array.of(0, 1, 2)
  const calls = [
    session.differences(batch, coordinates),
    session.differences(batch, coordinates),
    session.forward(batch, { statistics: 'batch' }),
  ] as const
  const settled = calls.map((call, i) => call.then(done(i)))
  // Too late to matter.
  batch.input.fill(0)
  batch.target.fill(0)
  coordinates.fill(9)
  const [first, second, third] = await Promise.all(calls)
  await Promise.all(settled)
  assert.equal(order, [0, 1, 2])
  assert.equal(first.values, alone.values)
  assert.equal(second.values, alone.values)
  assert.is(third.loss, alone.loss)
})

test('two sessions work at once, and on weights of their own', async () => {
  const network = small()
  using a = createSession(network, { threads: 1 })
  using b = createSession(network, { threads: 2 })
  const batch = images(6)
  const alone = await a.differences(batch, indices(network))
  b.setParameters(network.parameters.map((value) => -value))
  const [left, right] = await Promise.all([
    a.differences(batch, indices(network)),
    b.differences(batch, indices(network)),
  ])
  assert.equal(left.values, alone.values)
  assert.not.equal(right.values, alone.values)
})

test('weights cannot be touched while calls run', async () => {
  using session = createSession(small())
  const call = session.forward(images(4))
  assert.is(thrown(() => session.getParameters()).code, 'ERR_BUSY')
  assert.is(thrown(() => session.setParameters(new Float32Array(1))).code, 'ERR_BUSY')
  await call
  session.getParameters()
})

test('an aborted call stops soon, and the session goes on', async () => {
  const { session, batch, coordinates } = long()
  const abort = new AbortController()
  const before = session.getBuffers()
  const call = session.differences(batch, coordinates, { signal: abort.signal, updateRunning: true })
  setTimeout(() => abort.abort(new Error('enough')), 100)
  const start = Date.now()
  const error = await rejection(call)
  assert.is(error.code, 'ERR_ABORTED')
  assert.is((error.cause as Error).message, 'enough')
  // The whole call takes many times longer; see the next line of the test.
  assert.ok(Date.now() - start < 5000)
  assert.equal(session.getBuffers(), before)
  await session.forward(batch)
  session.dispose()
})

test('a call aborted before its turn never starts', async () => {
  const { session, batch, coordinates } = long()
  const first = new AbortController()
  const second = new AbortController()
  const running = rejection(session.differences(batch, coordinates, { signal: first.signal }))
  let progress = 0
  const onProgress = (): void => {
    progress += 1
  }
  const waiting = rejection(session.differences(batch, [0, 1], { signal: second.signal, onProgress }))
  const after = session.forward(batch)
  second.abort()
  assert.is((await waiting).code, 'ERR_ABORTED')
  first.abort()
  assert.is((await running).code, 'ERR_ABORTED')
  await after
  assert.is(progress, 0)
  session.dispose()
})

test('a signal of many calls keeps nothing of those that are over', async () => {
  const { signal } = new AbortController()
  const session = createSession(small())
  const batch = images(4)
  const listeners = (): number => getEventListeners(signal, 'abort').length
  for (let i = 0; i < 3; ++i) await session.forward(batch, { signal })
  await rejection(session.forward({ input: batch.input.map(() => Number.NaN) }, { signal }))
  const over = listeners()
  const ended = Promise.allSettled([session.forward(batch, { signal }), session.forward(batch, { signal })])
  const open = listeners()
  session.dispose()
  await ended
  assert.equal([over, open, listeners()], [0, 2, 0])
})

test('a signal that is aborted already', async () => {
  using session = createSession(small())
  const error = await rejection(session.forward(images(2), { signal: AbortSignal.abort() }))
  assert.is(error.code, 'ERR_ABORTED')
})

test('dispose stops the running call and refuses the others', async () => {
  const { session, batch, coordinates } = long()
  const running = rejection(session.differences(batch, coordinates))
  const waiting = rejection(session.forward(batch))
  await new Promise((resolve) => setTimeout(resolve, 50))
  session.dispose()
  session.dispose()
  const late = rejection(session.forward(batch))
  for (const call of [running, waiting, late]) assert.is((await call).code, 'ERR_DISPOSED')
  assert.is(thrown(() => session.getParameters()).code, 'ERR_DISPOSED')
})

test('progress rises to the end, at most about ten times a second', async () => {
  const network = small(8, 16)
  using session = createSession(network, { threads: 2 })
  const reports: [number, number][] = []
  const coordinates = Uint32Array.from({ length: 20_000 }, (_, i) => i % network.layout.parameterCount)
  const start = Date.now()
  await session.differences(images(16, 16), coordinates, { onProgress: (...report) => reports.push(report) })
  const seconds = (Date.now() - start) / 1000
  assert.equal(reports.at(-1), [20_000, 20_000])
  assert.ok(reports.every(([done], i) => i === 0 || done > (reports[i - 1] as [number, number])[0]))
  assert.ok(reports.length <= 10 * seconds + 3, `${reports.length} reports in ${seconds} s`)
})

test('progress counts coordinates whose estimate is 0 without a query', async () => {
  const network = cnn(1, 4, { input: [1, 8, 8], classes: 3 })
  using session = createSession(network, { threads: 2 })
  const { offset, size } = network.layout.parameters.find(({ name }) => name === 'conv_layers.0.bias')!
  const bias = Array.from({ length: size }, (_, i) => offset + i)
  const batch = { input: Float32Array.from({ length: 2 * 64 }, (_, i) => Math.sin(i)), target: [0, 2] }
  for (const coordinates of [bias, [0, ...bias, 1]]) {
    const reports: [number, number][] = []
    const onProgress = (...report: [number, number]): void => void reports.push(report)
    await session.differences(batch, coordinates, { onProgress })
    assert.equal(reports.at(-1), [coordinates.length, coordinates.length])
  }
})

test('what a progress callback throws stops the call and rejects it', async () => {
  const { session, batch, coordinates } = long()
  const failure = new RangeError('mine')
  const onProgress = (): void => {
    throw failure
  }
  const caught = await session
    .differences(batch, coordinates, { onProgress })
    .catch((error: unknown) => error)
  assert.is(caught, failure)
  session.dispose()
})

test('asynchronous errors carry the stack of the call', async () => {
  using session = createSession(small())
  const batch = images(2)
  batch.input[5] = Number.NaN
  async function callerOfForward() {
    await session.forward(batch)
  }
  const error = await rejection(callerOfForward())
  assert.is(error.code, 'ERR_NOT_FINITE')
  assert.match(error.stack ?? '', /^DeepZeroError: .*finite(.|\n)*callerOfForward/)
})

test('bad input is refused with the reason', async () => {
  using session = createSession(small())
  const batch = images(2)
  const refused = async (promise: Promise<unknown>, code: string, message: RegExp) => {
    const error = await rejection(promise)
    assert.is(error.code, code, error.message)
    assert.match(error.message, message)
  }
  const { forward, differences } = {
    forward: (changes: object, options: object = {}) =>
      session.forward({ ...batch, ...changes } as typeof batch, options),
    differences: (coordinates: unknown, options: object = {}) =>
      session.differences(batch, coordinates as Uint32Array, options),
  }
  await refused(forward({ input: batch.input.slice(1) }), 'ERR_SHAPE', /3×8×8 = 192 numbers, received 383/)
  await refused(forward({ input: new Float32Array() }), 'ERR_SHAPE', /at least one/)
  await refused(forward({ count: 3 }), 'ERR_SHAPE', /expected 3 images/)
  await refused(
    forward({ input: [1, 2] }),
    'ERR_INVALID_ARGUMENT',
    /expected a Float32Array, received an array of 2/,
  )
  await refused(forward({ target: [0] }), 'ERR_SHAPE', /expected 2 classes, received 1/)
  await refused(
    forward({ target: [0, 3] }),
    'ERR_INVALID_ARGUMENT',
    /target\[1\]: expected a class from 0 to 2, received 3/,
  )
  await refused(forward({ target: [0, 0.5] }), 'ERR_INVALID_ARGUMENT', /received 0.5/)
  await refused(
    forward({}, { statistic: 'batch' }),
    'ERR_UNKNOWN_OPTION',
    /'statistic'; did you mean 'statistics'\?/,
  )
  await refused(forward({}, { statistics: 'bathc' }), 'ERR_INVALID_ARGUMENT', /did you mean 'batch'\?/)
  await refused(forward({}, { updateRunning: true }), 'ERR_INVALID_ARGUMENT', /use statistics 'batch'/)
  for (const labelSmoothing of [-0.1, 1, Number.NaN]) {
    await refused(
      forward({}, { labelSmoothing }),
      'ERR_INVALID_ARGUMENT',
      /labelSmoothing: expected a finite/,
    )
    await refused(differences([0], { labelSmoothing }), 'ERR_INVALID_ARGUMENT', /labelSmoothing: expected/)
  }
  for (const mu of [0, -1e-3, Number.NaN, Number.POSITIVE_INFINITY, '1e-4', 1e-300]) {
    await refused(differences([0], { mu }), 'ERR_INVALID_ARGUMENT', /mu: expected/)
  }
  for (const bad of [-1, 1.5, session.network.layout.parameterCount, '0', undefined]) {
    await refused(differences([0, bad]), 'ERR_INVALID_ARGUMENT', /coordinates\[1\]: expected an index/)
  }
  await refused(differences('all'), 'ERR_INVALID_ARGUMENT', /expected a Uint32Array/)
  await refused(
    session.differences({ input: batch.input }, [0]),
    'ERR_INVALID_ARGUMENT',
    /target: expected 2 classes/,
  )
  assert.is(thrown(() => session.setParameters(new Float32Array(3))).code, 'ERR_INVALID_ARGUMENT')
  const { message } = thrown(() => session.setParameters(session.getParameters().fill(Number.NaN, 0, 1)))
  assert.match(message, /conv1.weight: expected finite numbers/)
  // The session is as it was.
  await session.forward(batch)
})

test('no coordinates, no estimates', async () => {
  using session = createSession(small())
  const { values, loss } = await session.differences(images(2), [])
  assert.is(values.length, 0)
  assert.ok(Number.isFinite(loss))
})

test('devices: auto says what it took and why, a named one is taken or refused', () => {
  const { reason: noCuda } = native.cuda()
  using auto = createSession(small())
  assert.is(auto.device.device, noCuda ? 'cpu' : 'cuda')
  assert.ok(auto.device.reason.startsWith(noCuda), auto.device.reason)
  assert.ok(auto.device.threads >= 1)
  using cpu = createSession(small(), { device: 'cpu', threads: 3 })
  assert.is(cpu.device.threads, 3)
  assert.not.match(cpu.device.reason, /CUDA/)
  if (noCuda) {
    const refused = thrown(() => createSession(small(), { device: 'cuda' }))
    assert.is(refused.code, 'ERR_DEVICE')
    assert.is(refused.message, `device 'cuda': ${noCuda}; expected 'cpu' or 'auto'`)
  }
  const half = thrown(() => createSession(small(), { device: 'cpu', precision: 'f16' }))
  assert.is(half.code, 'ERR_INVALID_ARGUMENT')
  assert.is(half.message, "precision: expected 'f32' or 'bf16' on the CPU, received 'f16'")
  using bfloat = createSession(small(), { precision: 'bf16' })
  assert.is(bfloat.device.device, 'cpu')
  if (noCuda) {
    const nowhere = thrown(() => createSession(small(), { precision: 'f16' }))
    assert.is(nowhere.message, `${half.message}; ${noCuda}`)
  }
  const both = thrown(() => createSession(small(), { device: 'cpu', devices: [0] }))
  assert.match(both.message, /options.devices: expected to be left out with device 'cpu'/)
  assert.is(thrown(() => createSession(small(), { devices: [0.5] })).code, 'ERR_INVALID_ARGUMENT')
  assert.is(thrown(() => createSession(small(), { threads: -1 })).code, 'ERR_INVALID_ARGUMENT')
  assert.is(thrown(() => createSession(small(), { threads: 1e6 })).code, 'ERR_INVALID_ARGUMENT')
  assert.is(thrown(() => createSession(small(), { thread: 2 } as object)).code, 'ERR_UNKNOWN_OPTION')
})

test('memory counts MiB, and other values are refused', async () => {
  const network = small()
  const chunks = async (memory: number): Promise<number> => {
    using session = createSession(network, { device: 'cpu', threads: 1, memory })
    const { threadChunks } = await session.differences(images(4), indices(network))
    return threadChunks.reduce((sum, n) => sum + n, 0)
  }
  const roomy = await chunks(0)
  assert.is(await chunks(1), roomy)
  assert.ok((await chunks(2 ** -20)) > roomy, 'one byte')
  for (const memory of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 30, '512'])
    assert.match(
      thrown(() => createSession(network, { memory: memory as number })).message,
      /options\.memory: expected a finite number from 0 to 16777216/,
    )
})

test('weights of another network are refused', () => {
  const other = small(5)
  const { code, message } = thrown(() => createSession(small(), { weights: other }))
  assert.is(code, 'ERR_INVALID_ARGUMENT')
  assert.match(message, /weights.parameters: expected a Float32Array of \d+, received a Float32Array of \d+/)
})

test.run()
