/** Random directions of a session: their definition, the estimate made of them, what never changes, and refusals. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DirectionKind } from '../lib/estimators/direction.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { readReference } from '../lib/gradcheck/reference.ts'
import { networkByName } from '../lib/networks/index.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { Purpose, randomNormal, randomWords } from '../lib/random.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { createSession } from '../lib/session.ts'
import type { RandomDifferencesOptions } from '../lib/session-options.ts'
import { rejects } from './fixtures/rejects.ts'
import { testUnless } from './fixtures/skip.ts'

const reference = fileURLToPath(new URL('../../shared/reference/', import.meta.url))
const available = existsSync(join(reference, 'cnn2x8-init.safetensors'))
const withReference = testUnless(available ? null : `no reference cases beside the checkout (${reference})`)

const kinds = ['sphere', 'tensor', 'gaussian', 'rademacher'] as const
const SIZE = 6
const CLASSES = 3

/** conv, batch norm, ReLU, pool, linear. */
function small(channels = 4): Network {
  const net = networkBuilder('small', [2, SIZE, SIZE])
  const conv = net.conv2d('conv', net.input, { out: channels, kernel: 3, padding: 1 })
  const relu = net.relu('relu', net.batchNorm2d('bn', conv))
  net.linear('fc', net.globalAvgPool('pool', relu), { out: CLASSES })
  return net.build({ seed: 1 })
}

function images(count: number) {
  const input = randomNormal({ seed: 7, purpose: Purpose.syntheticData }, count * 2 * SIZE * SIZE)
  return { input, target: Int32Array.from({ length: count }, (_, i) => i % CLASSES) }
}

/** Direction k as docs/random.md defines it. */
function direction(
  { layout }: Network,
  kind: DirectionKind,
  seed: number,
  k: number,
  active?: readonly number[],
): Float32Array {
  const key = { seed, purpose: Purpose.directions, stream: k }
  const numbers =
    kind === 'rademacher'
      ? Float32Array.from(randomWords(key, layout.parameterCount), (word) => (word < 2 ** 31 ? 1 : -1))
      : randomNormal(key, layout.parameterCount)
  const v = active ? numbers.map((value, i) => (active.includes(i) ? value : 0)) : numbers
  const normalised = (part: Float32Array): void => {
    let sum = 0
    for (const value of part) sum += value * value
    const norm = Math.sqrt(sum)
    if (norm > 0) part.set(part.map((value) => value / norm))
  }
  if (kind === 'sphere') normalised(v)
  if (kind === 'tensor')
    for (const { offset, size } of layout.parameters) normalised(v.subarray(offset, offset + size))
  return v
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)

test('the four kinds: differences along the defined directions, and the gradient by its formula to the bit', async () => {
  const network = small()
  const { parameterCount } = network.layout
  const active = [3, 4, 5, 6, 40, 71, 72, 79, 80, 81, 85, 90]
  const batch = images(6)
  using session = createSession(network, { threads: 2 })
  using moved = createSession(network)
  const mu = 1e-2
  for (const kind of kinds) {
    for (const coordinates of [undefined, active]) {
      const options = { count: 5, first: 2 ** 32 - 2, seed: 11, directions: kind, mu, coordinates }
      const { values, gradient, loss } = await session.randomDifferences(batch, options)
      const d = kind === 'sphere' ? (coordinates?.length ?? parameterCount) : 1
      const sums = new Float64Array(parameterCount)
      for (let j = 0; j < 5; ++j) {
        const u = direction(network, kind, 11, (options.first + j) % 2 ** 32, coordinates)
        // The same from two losses, which float32 knows to about 1e-7/mu.
        moved.setParameters(network.parameters.map((value, i) => value + mu * (u[i] as number)))
        const there = await moved.forward(batch, { statistics: 'batch' })
        const error = Math.abs(values[j]! - (there.loss - loss) / mu)
        assert.ok(error <= 1e-4 * Math.hypot(...u), `${kind} ${j}: ${values[j]} ${(there.loss - loss) / mu}`)
        for (let i = 0; i < parameterCount; ++i) sums[i]! += values[j]! * u[i]!
      }
      assert.equal(
        gradient,
        Float32Array.from(sums, (sum) => sum * (d / 5)),
        kind,
      )
      if (coordinates) assert.ok(gradient.every((value, i) => value === 0 || active.includes(i)))
    }
  }
})

test('propagation agrees with two float64 passes; the weights keep their bits, the running statistics move on request', async () => {
  const network = small()
  using session = createSession(network, { threads: 2 })
  const batch = images(6)
  const before = session.getBuffers()
  for (const scheme of ['forward', 'central'] as const) {
    for (const statistics of ['batch', 'running'] as const) {
      const options = { count: 6, scheme, statistics, mu: 1e-3 }
      const got = await session.randomDifferences(batch, options)
      const oracle = await session.randomDifferences(batch, { ...options, method: 'two-pass-f64' })
      // Differences in float32, as for coordinates.
      assert.ok(relativeError(got.values, oracle.values) <= 1e-4)
      assert.ok(relativeError(got.gradient, oracle.gradient) <= 1e-4)
      const { loss, correct } = await session.forward(batch, { statistics })
      assert.equal([got.loss, got.correct, got.accuracy], [loss, correct, correct / 6])
    }
  }
  // Float32 passes lose 1e-7/mu of a difference of order 0.1.
  const options = { count: 6, mu: 1e-2 }
  const plain = await session.randomDifferences(batch, { ...options, method: 'two-pass' })
  const got = await session.randomDifferences(batch, options)
  assert.ok(relativeError(got.values, plain.values) <= 1e-2)
  assert.equal(session.getParameters(), network.parameters)
  assert.equal(session.getBuffers(), before)
  await session.randomDifferences(batch, { updateRunning: true })
  assert.not.equal(session.getBuffers(), before)
})

test('label smoothing: the differences of the smoothed loss, also by two passes', async () => {
  const network = small()
  using session = createSession(network, { threads: 2 })
  const batch = images(6)
  const options = { count: 6, mu: 1e-3, labelSmoothing: 0.1 }
  const { values, gradient, loss } = await session.randomDifferences(batch, options)
  const smoothed = await session.forward(batch, { statistics: 'batch', labelSmoothing: 0.1 })
  assert.is(loss, smoothed.loss)
  const oracle = await session.randomDifferences(batch, { ...options, method: 'two-pass-f64' })
  // Differences in float32, as without smoothing.
  assert.ok(relativeError(values, oracle.values) <= 1e-4)
  assert.ok(relativeError(gradient, oracle.gradient) <= 1e-4)
  // The oracle's loss is the smoothed one as well: from the losses of both ends, which float32 knows to about 1e-7/mu.
  using moved = createSession(network)
  const mu = 1e-2
  for (const method of ['two-pass', 'two-pass-f64'] as const) {
    const { values } = await session.randomDifferences(batch, { ...options, mu, method })
    for (const [k, value] of values.entries()) {
      const u = direction(network, 'sphere', 0, k)
      moved.setParameters(network.parameters.map((theta, i) => theta + mu * (u[i] as number)))
      const there = await moved.forward(batch, { statistics: 'batch', labelSmoothing: 0.1 })
      assert.ok(Math.abs(value - (there.loss - loss) / mu) <= 1e-4, `${method} ${k}`)
    }
  }
  const plain = await session.randomDifferences(batch, { ...options, labelSmoothing: 0 })
  assert.ok(relativeError(values, plain.values) > 1e-2)
})

test('a direction depends on its seed and index alone, a result not on threads', async () => {
  const network = small()
  const batch = images(5)
  using one = createSession(network, { threads: 1 })
  using three = createSession(network, { threads: 3 })
  const all = await one.randomDifferences(batch, { count: 9, seed: 5 })
  const again = await three.randomDifferences(batch, { count: 9, seed: 5 })
  assert.equal(again.values, all.values)
  assert.equal(again.gradient, all.gradient)
  assert.equal([all.threadChunks.length, again.threadChunks.length], [1, 3])
  assert.is(
    again.threadChunks.reduce((sum, n) => sum + n, 0),
    9,
  )
  const later = await three.randomDifferences(batch, { count: 4, first: 3, seed: 5 })
  assert.equal(later.values, all.values.slice(3, 7))
  const other = await three.randomDifferences(batch, { count: 9, seed: 6 })
  assert.ok(other.values.every((value, j) => value !== all.values[j]))
})

test('with q directions of d parameters the estimate points along the gradient, with cosine √(q/(q + d))', async () => {
  const network = small()
  const d = network.layout.parameterCount
  using session = createSession(network)
  const batch = images(6)
  const everything = Uint32Array.from({ length: d }, (_, i) => i)
  const { values: gradient } = await session.differences(batch, everything, { mu: 1e-4 })
  for (const kind of kinds) {
    for (const q of [d, 8 * d]) {
      const options = { count: q, seed: 3, directions: kind, mu: 1e-4 }
      const estimate = (await session.randomDifferences(batch, options)).gradient
      const cosine = dot(estimate, gradient) / Math.sqrt(dot(estimate, estimate) * dot(gradient, gradient))
      // `tensor` weighs small tensors more, which turns the estimate towards them.
      const expected = Math.sqrt(q / (q + d))
      const within = kind === 'tensor' ? cosine > 0.2 : Math.abs(cosine - expected) <= 0.1
      assert.ok(within, `${kind}: ${q} directions, ${d} parameters: cosine ${cosine}, expected ${expected}`)
      // Unbiased where E[u·uᵀ] is the identity (times 1/d, which the factor d undoes): the length along the gradient is 1.
      const along = dot(estimate, gradient) / dot(gradient, gradient)
      if (kind !== 'tensor')
        assert.ok(Math.abs(along - 1) <= 0.4, `${kind} ${q}: ${along} along the gradient`)
    }
  }
})

for (const [name, net] of [
  ['cnn2x8-init', 'cnn-2x8'],
  ['resnet20-trained', 'resnet20'],
] as const) {
  withReference(`at mu = 1e-6 the differences are the directional derivatives of ${name}`, async () => {
    const { network, batch } = await readReference(join(reference, name), networkByName(net))
    const { tensors } = await readSafetensors(join(reference, `${name}.expected.safetensors`))
    const gradient = new Float32Array(network.layout.parameterCount)
    for (const { name: parameter, offset } of network.layout.parameters)
      gradient.set(tensors.get(`grad/${parameter}`)!.data as Float32Array, offset)
    using session = createSession(network)
    for (const kind of ['sphere', 'rademacher'] as const) {
      const { values } = await session.randomDifferences(batch, { count: 4, directions: kind, mu: 1e-6 })
      const expected = Float64Array.from({ length: 4 }, (_, k) =>
        dot(direction(network, kind, 0, k), gradient),
      )
      // Float32 and truncation together are below 1e-5 for unit vectors; a rademacher step is √d (500) times longer.
      const error = relativeError(values, expected)
      assert.ok(error <= (kind === 'sphere' ? 1e-4 : 1e-2), `${kind}: ${error}`)
    }
  })
}

test('progress counts directions; what the callback throws, an abort and dispose end the call', async () => {
  const network = small(16)
  const session = createSession(network, { threads: 2 })
  const batch = images(16)
  const reports: [number, number][] = []
  await session.randomDifferences(batch, { count: 300, onProgress: (...report) => reports.push(report) })
  assert.equal(reports.at(-1), [300, 300])
  assert.ok(reports.every(([done], i) => i === 0 || done > reports[i - 1]![0]))

  const before = session.getBuffers()
  const endless = { count: 1e6, updateRunning: true }
  const failure = new Error('the caller fails')
  const onProgress = (): void => {
    throw failure
  }
  const thrown = await session.randomDifferences(batch, { ...endless, onProgress }).catch((error) => error)
  assert.is(thrown, failure)

  const abort = new AbortController()
  const aborted = rejects(
    session.randomDifferences(batch, { ...endless, signal: abort.signal }),
    'ERR_ABORTED',
    /aborted/,
  )
  setTimeout(() => abort.abort(), 50)
  await aborted
  assert.equal(session.getBuffers(), before)
  assert.equal(session.getParameters(), network.parameters)

  const disposed = rejects(session.randomDifferences(batch, endless), 'ERR_DISPOSED', /disposed/)
  setTimeout(() => session.dispose(), 50)
  await disposed
})

test('a call that waits takes its active set along', async () => {
  using session = createSession(small())
  const batch = images(4)
  const coordinates = Uint32Array.of(1, 2, 3)
  const first = session.randomDifferences(batch, { coordinates })
  const second = session.randomDifferences(batch, { coordinates })
  coordinates.fill(9)
  assert.equal((await second).values, (await first).values)
})

test('bad options are refused, and the session is as it was', async () => {
  const network = small()
  using session = createSession(network)
  const batch = images(3)
  const refused = (options: object, message: RegExp, code = 'ERR_INVALID_ARGUMENT') =>
    rejects(session.randomDifferences(batch, options as RandomDifferencesOptions), code, message)
  for (const count of [0, -1, 1.5, '3', Number.NaN])
    await refused({ count }, /options.count: expected an integer/)
  for (const first of [-1, 2 ** 32]) await refused({ first }, /options.first: expected an integer from 0/)
  for (const seed of [-1, 0.5, 2 ** 53]) await refused({ seed }, /options.seed: expected an integer/)
  for (const mu of [0, -1e-3, Number.NaN, 1e-300]) await refused({ mu }, /mu: expected/)
  for (const labelSmoothing of [-0.1, 1, Number.NaN])
    await refused({ labelSmoothing }, /options.labelSmoothing: expected/)
  await refused({ directions: 'spher' }, /did you mean 'sphere'\?/)
  await refused({ direction: 'sphere' }, /'direction'; did you mean 'directions'\?/, 'ERR_UNKNOWN_OPTION')
  await refused({ coordinates: [] }, /coordinates: expected at least one to move, received none/)
  await refused({ coordinates: [4, 1, 4] }, /coordinates: expected each one once, received 4 twice/)
  await refused({ coordinates: [0, 1e6] }, /options.coordinates\[1\]: expected an index of a parameter/)
  await refused({ coordinates: 'all' }, /options.coordinates: expected a Uint32Array or an array/)
  await refused({ statistics: 'running', updateRunning: true }, /use statistics 'batch'/)
  await refused({ mu: 1e38 }, /the difference along direction 0 is .*; lower mu/, 'ERR_NOT_FINITE')
  await rejects(
    session.randomDifferences({ input: batch.input }),
    'ERR_INVALID_ARGUMENT',
    /target: expected 3 classes/,
  )
  assert.equal(session.getParameters(), network.parameters)
  await session.randomDifferences(batch)
})

test.run()
