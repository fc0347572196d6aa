// Arrays and iterables of one's own: what becomes of them, in memory and spooled to a file, and what is refused.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import { type Dataset, firstOf, inputsAt, outputsOf, select } from '../lib/data/dataset.ts'
import { loadBatches } from '../lib/data/load-batches.ts'
import { fromArrays, fromIterable, type Sample, splitsOf } from '../lib/data/own.ts'
import { meanAndDeviation } from '../lib/data/statistics.ts'
import { DeepZeroError } from '../lib/errors.ts'
import { blackBoxHead } from '../lib/estimators/black-box-head.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { networkBuilder } from '../lib/networks/network.ts'
import { train } from '../lib/training/train.ts'
import { refused } from './fixtures/rejects.ts'

const shape = [2, 3, 2] as const

const floats = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(3 * i))

test('bytes with labels, floats with targets', () => {
  const images = Uint8Array.from({ length: 36 }, (_, i) => 5 * i)
  const set = fromArrays({ inputs: images, labels: [2, 0, 1], shape })
  assert.is(set.count, 3)
  assert.equal(set.classes, ['0', '1', '2'])
  assert.equal({ mean: set.mean, std: set.std }, meanAndDeviation(images, shape))
  const plain = fromArrays({ inputs: floats(36), targets: floats(6), shape })
  assert.is(outputsOf(plain), 2)
  const [batch] = batches(plain, { batchSize: 3 })
  assert.equal(batch, { input: floats(36), targets: floats(6), count: 3 })
  const [other] = batches({ ...plain, mean: [1, 2], std: [2, 4] }, { batchSize: 3 })
  const expected = floats(36).map((x, i) => (i % 12 < 6 ? (x - 1) / 2 : (x - 2) / 4))
  assert.equal(other!.input, expected)
})

test('statistics of floats: those of two passes', () => {
  const inputs = floats(12 * 5).map((x, i) => x + (i % 12 < 6 ? 1000 : -3))
  const { mean, std } = meanAndDeviation(inputs, shape)
  for (const c of [0, 1]) {
    const channel = [...inputs].filter((_, i) => Math.floor(i / 6) % 2 === c)
    const centre = channel.reduce((sum, x) => sum + x, 0) / channel.length
    const deviation = Math.sqrt(channel.reduce((sum, x) => sum + (x - centre) ** 2, 0) / channel.length)
    // Rounding of 30 float64 sums.
    assert.ok(Math.abs(mean[c]! - centre) <= 1e-12 * Math.abs(centre) + 1e-12)
    assert.ok(Math.abs(std[c]! - deviation) <= 1e-12)
  }
})

test('arrays that do not fit', async () => {
  const inputs = floats(24)
  await refused(() => fromArrays({ inputs, labels: [0], shape }), 'ERR_SHAPE', 'labels: expected 2 numbers')
  await refused(() => fromArrays({ inputs: floats(25), labels: [0], shape }), 'ERR_SHAPE', '2×3×2 = 12')
  await refused(
    () => fromArrays({ inputs, shape }),
    'ERR_INVALID_ARGUMENT',
    'one of labels and targets, received neither',
  )
  const both = { inputs, shape, labels: [0, 1], targets: floats(2) }
  await refused(() => fromArrays(both), 'ERR_INVALID_ARGUMENT', 'received both')
  await refused(() => fromArrays({ inputs, shape, targets: floats(3) }), 'ERR_SHAPE', 'targets')
  await refused(() => fromArrays({ inputs, shape, labels: [0, 1.5] }), 'ERR_INVALID_ARGUMENT', '1.5')
  await refused(
    () => fromArrays({ inputs, shape, labels: [0, 2], classes: ['a', 'b'] }),
    'ERR_DATA',
    'received 2 at place 1',
  )
  await refused(() => fromArrays({ inputs, shape, labels: [0, -1] }), 'ERR_DATA', '-1')
  const wraps = 2 ** 32 + 1
  await refused(() => fromArrays({ inputs, shape, labels: [0, wraps] }), 'ERR_INVALID_ARGUMENT', `${wraps}`)
  for (const wrong of [
    { std: [1, 0] },
    { std: [-1, 1] },
    { mean: [Number.NaN, 0] },
    { std: ['x', 1] as never },
  ])
    await refused(
      () => fromArrays({ inputs, shape, labels: [0, 1], ...wrong }),
      'ERR_INVALID_ARGUMENT',
      `options.${Object.keys(wrong)[0]}: expected a finite number`,
    )
  await refused(
    () => fromArrays({ inputs, shape: [2, 3] as never, labels: [0] }),
    'ERR_INVALID_ARGUMENT',
    'options.shape',
  )
  await refused(
    () => fromArrays({ inputs, shape, labels: [0, 1], mean: [0] }),
    'ERR_SHAPE',
    'mean: expected 2',
  )
  await refused(() => fromArrays({ inputs, shape, label: [0, 1] } as never), 'ERR_UNKNOWN_OPTION', "'labels'")
  const bytes = { inputs: [1, 2] as never, shape, labels: [0] }
  await refused(() => fromArrays(bytes), 'ERR_INVALID_ARGUMENT', 'a Uint8Array or a Float32Array')
})

/** Of [2, 3, 2], with a value in the place of one. */
const spoilt = (n: number, at: number, value = Number.NaN): Float32Array =>
  floats(n).map((x, i) => (i === at ? value : x))

test('what is not finite is refused with its place', async () => {
  await refused(
    () => fromArrays({ inputs: spoilt(36, 17), labels: [0, 1, 0], shape }),
    'ERR_DATA',
    'options.inputs: expected finite numbers, received NaN at place 5 of sample 1 (counted from 0)',
  )
  await refused(
    () => fromArrays({ inputs: floats(36), targets: [0, 1, 2, 3, 4, 1e39], shape }),
    'ERR_DATA',
    'options.targets: expected finite numbers, received Infinity at place 1 of sample 2',
  )
  const set = { inputs: floats(36), labels: [0, 1, 0], shape }
  await refused(() => fromArrays({ ...set, std: [1, 0] }), 'ERR_INVALID_ARGUMENT', 'std', 'above 0')
  await refused(() => fromArrays({ ...set, mean: [Number.NaN, 0] }), 'ERR_INVALID_ARGUMENT', 'mean')
})

test('of a set that was not checked, the batch names the sample, in training and evaluation', async () => {
  const set = (inputs: Float32Array, targets = floats(8)): Dataset => ({
    ...{ name: 'mine', count: 8, shape: [1, 2, 2], classes: [], mean: [0], std: [1], targets },
    read: async (indices) => rows(inputs, indices),
  })
  const rows = (inputs: Float32Array, indices: Uint32Array): Float32Array =>
    Float32Array.from({ length: 4 * indices.length }, (_, i) => inputs[4 * indices[i >> 2]! + (i & 3)]!)
  const good = set(floats(32))
  const net = networkBuilder('linear', [1, 2, 2], { loss: 'meanSquaredError' })
  net.linear('fc', net.input, { out: 1 })
  const network = net.build({ seed: 1 })
  const training = async (trained: Dataset, tested: Dataset, seed: number): Promise<void> => {
    const data = { name: 'mine', train: trained, test: tested, classes: [], shape: [1, 2, 2] } as const
    for await (const _ of train(network, data, { epochs: 1, batchSize: 4, augment: false, seed }));
  }
  for (const seed of [1, 2]) {
    await training(good, good, seed)
    const words = ['mine: expected finite numbers, received NaN in sample 5, normalised (counted from 0)']
    await refused(training(set(spoilt(32, 22)), good, seed), 'ERR_DATA', ...words)
    await refused(training(good, set(spoilt(32, 22)), seed), 'ERR_DATA', ...words)
    const targets = 'mine: targets: expected finite numbers, received Infinity at place 0 of sample 6'
    const infinite = spoilt(8, 6, Number.POSITIVE_INFINITY)
    await refused(training(set(floats(32), infinite), good, seed), 'ERR_DATA', targets)
    await refused(training(good, set(floats(32), infinite), seed), 'ERR_DATA', targets)
  }
})

test('a set that is read: what `read` gives is checked', async () => {
  const set: Dataset = {
    ...{ name: 'mine', count: 4, shape, classes: ['a', 'b'], mean: [0, 0], std: [1, 1] },
    labels: Uint8Array.of(0, 1, 0, 1),
    read: async (indices) => new Float32Array(indices.length === 4 ? 12 : 12 * indices.length),
  }
  const source = loadBatches(set, { batchSize: 3 })
  assert.is((await source.next()).value!.count, 3)
  await refused(
    () => loadBatches(set, { batchSize: 4 }).next(),
    'ERR_DATA',
    'mine: read: expected 48 numbers',
  )
  await refused(
    () => loadBatches({ ...set, images: floats(48) }, { batchSize: 2 }),
    'ERR_INVALID_ARGUMENT',
    'both',
  )
  await refused(() => loadBatches(set, { batchSize: 2, ahead: -1 }), 'ERR_INVALID_ARGUMENT', 'ahead')
})

test('batches are read ahead, and only so far', async () => {
  const begun: number[] = []
  const set: Dataset = {
    ...{ name: 'mine', count: 10, shape, classes: ['a'], mean: [0, 0], std: [1, 1] },
    labels: new Uint8Array(10),
    read: async (indices) => {
      begun.push(indices[0]! / 2)
      return new Float32Array(24)
    },
  }
  const source = loadBatches(set, { batchSize: 2, ahead: 2 })
  assert.equal(begun, [])
  await source.next()
  assert.equal(begun, [0, 1, 2])
  const second = source.next()
  assert.equal(begun, [0, 1, 2, 3])
  await second
  await source.return()
  assert.equal(begun, [0, 1, 2, 3])
})

test('first members and chosen ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 9 }), async (picked) => {
      const set = fromArrays({ inputs: floats(72), targets: floats(18), shape })
      const chosen = await select(set, Uint32Array.from(picked))
      assert.equal(
        [...chosen.images!],
        picked.flatMap((i) => [...floats(72).subarray(12 * i, 12 * i + 12)]),
      )
      assert.equal(
        [...chosen.targets!],
        picked.flatMap((i) => [...floats(18).subarray(3 * i, 3 * i + 3)]),
      )
      const first = firstOf(set, Math.min(picked.length, 6))
      assert.is(outputsOf(first), 3)
      assert.equal(await inputsAt(first, Uint32Array.of(0)), floats(72).slice(0, 12))
    }),
  )
})

test('chosen members that are none', async () => {
  const set = fromArrays({ inputs: floats(24), labels: [1, 0], shape })
  for (const wrong of [99, 2, -1, 0.5])
    await refused(() => select(set, [0, wrong]), 'ERR_INVALID_ARGUMENT', 'the 2 members', `received ${wrong}`)
  assert.equal((await select(set, [1, 1])).labels, Int32Array.of(0, 0))
})

interface Context {
  dir: string
}
const iterables = suite<Context>('iterables')
iterables.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-own-'))
})
iterables.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

/** Samples that reuse one array, as a reader of a stream may. */
async function* samples(count: number, make: (i: number) => Sample): AsyncGenerator<Sample> {
  const input = new Float32Array(12)
  for (let i = 0; i < count; ++i) {
    const sample = make(i)
    const reused = sample.input instanceof Float32Array && sample.input.length === 12
    if (reused) input.set(sample.input)
    yield reused ? { ...sample, input } : sample
    input.fill(Number.NaN)
  }
}

const regression = (i: number): Sample => ({ input: floats(12).map((x) => x + i), target: [i, -i] })
const classification = (i: number): Sample => ({
  input: Uint8Array.from({ length: 12 }, (_, j) => i * j),
  label: i % 3,
})

iterables('the same set in memory and in a file', async ({ dir }) => {
  for (const make of [regression, classification]) {
    const memory = await fromIterable(samples(7, make), { shape })
    const spooled = await fromIterable(samples(7, make), { shape, spool: join(dir, 'spool') })
    assert.is(spooled.images, undefined)
    const { images, read: _, ...rest } = memory
    const { read, images: __, fingerprint, ...others } = spooled
    assert.equal(others, rest)
    assert.is(fingerprint!.length, 64)
    assert.equal(await read!(Uint32Array.from({ length: 7 }, (_, i) => i)), images)
  }
  assert.equal(readdirSync(dir), ['spool'])
})

iterables('samples that do not fit are named, and nothing is left behind', async ({ dir }) => {
  const spool = join(dir, 'spool')
  for (const options of [{ shape }, { shape, spool }]) {
    const given = (make: (i: number) => unknown): Promise<Dataset> =>
      fromIterable(samples(3, make as (i: number) => Sample), options)
    await refused(
      () => given((i) => ({ input: floats(i === 2 ? 11 : 12), label: 0 })),
      'ERR_SHAPE',
      'sample 2',
      'received 11',
    )
    await refused(
      () => given((i) => (i === 1 ? { ...regression(i), target: [1] } : regression(i))),
      'ERR_INVALID_ARGUMENT',
      'sample 1',
      '2 targets',
    )
    await refused(
      () => given((i) => (i === 1 ? classification(i) : regression(i))),
      'ERR_INVALID_ARGUMENT',
      'sample 1',
    )
    await refused(() => given(() => ({ input: floats(12) })), 'ERR_INVALID_ARGUMENT', 'sample 0', 'neither')
    await refused(
      () => given(() => ({ input: floats(12), label: 0.5 })),
      'ERR_INVALID_ARGUMENT',
      'label',
      '0.5',
    )
    await refused(() => given(() => ({ input: [1], label: 0 })), 'ERR_INVALID_ARGUMENT', 'sample 0: input')
    await refused(
      () => given((i) => ({ input: i === 2 ? spoilt(12, 7) : floats(12), label: 0 })),
      'ERR_DATA',
      'sample 2: input: expected finite numbers, received NaN at place 7',
    )
    await refused(
      () => given((i) => ({ input: floats(12), target: i === 1 ? [0, Number.NaN] : [0, 1] })),
      'ERR_DATA',
      'sample 1: target: expected finite numbers, received NaN at place 1',
    )
    await refused(() => fromIterable([], options), 'ERR_DATA', 'empty')
    const failing = (async function* (): AsyncGenerator<Sample> {
      yield regression(0)
      throw new DeepZeroError('ERR_FILE', 'the source broke')
    })()
    await refused(() => fromIterable(failing, options), 'ERR_FILE', 'the source broke')
  }
  assert.equal(readdirSync(dir), [])
  writeFileSync(spool, 'a file of somebody')
  await refused(() => fromIterable(samples(3, regression), { shape, spool }), 'ERR_DATA', 'left as it is')
  assert.ok(existsSync(spool))
})

iterables('targets as large as an image', async () => {
  const target = new Float32Array(256 * 256 * 3).fill(0.5)
  const set = await fromIterable([{ input: floats(12), target }], { shape })
  assert.is(outputsOf(set), target.length)
  assert.is(set.targets?.at(-1), 0.5)
})

iterables.run()

test('splits: the test set gets what is known of the training set', async () => {
  const one = fromArrays({ inputs: Uint8Array.from({ length: 24 }, (_, i) => i), labels: [0, 4], shape })
  const two = fromArrays({ inputs: new Uint8Array(12), labels: [1], shape })
  const data = splitsOf(one, two)
  assert.equal(data.test.mean, one.mean)
  assert.is(data.test.classes.length, 5)
  await refused(() => splitsOf(two, one), 'ERR_DATA', 'test.labels')
  await refused(() => splitsOf(one, { ...two, shape: [1, 3, 4] }), 'ERR_SHAPE', '2×3×2')
})

test('targets train through a black-box head; classes are asked for where the loss takes them', async () => {
  const set = fromArrays({ inputs: floats(4 * 64), targets: floats(8), shape: [1, 8, 8] })
  const data = splitsOf(set, set)
  const network = cnn(1, 2, { classes: 2, input: [1, 8, 8] })
  const options = { epochs: 1, batchSize: 4, threads: 1, augment: false }
  const head = blackBoxHead((outputs, { targets }) => {
    return outputs.reduce((sum, y, i) => sum + (y - targets![i]!) ** 2, 0) / outputs.length
  })
  let loss = Number.NaN
  for await (const event of train(network, data, { ...options, head }))
    if (event.type === 'end') loss = event.testLoss
  assert.ok(loss > 0 && loss < 10, String(loss))
  await refused(
    () => train(network, data, { ...options, augment: true, head }),
    'ERR_INVALID_ARGUMENT',
    'options.augment',
  )
  const three = cnn(1, 2, { classes: 3, input: [1, 8, 8] })
  await refused(() => train(three, data, { ...options, head }), 'ERR_SHAPE', 'one per target')
})

test.run()
