// Batches: every image once an epoch, the same bits from any step, augmentation against a slow second
// implementation, normalisation by hand.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import type { Batch, Dataset, LabelledImages } from '../lib/data/dataset.ts'
import { type BatchOptions, stepsPerEpoch } from '../lib/data/epoch.ts'
import { meanAndDeviation } from '../lib/data/statistics.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { Purpose, randomWords } from '../lib/random.ts'

/** Images of 2 channels, 5×7, with pixels from 1 to 251 (so that black marks the padding); label: the image's number. */
function tinySet(count: number): LabelledImages {
  const shape = [2, 5, 7] as const
  const images = Uint8Array.from({ length: count * 70 }, (_, i) => 1 + ((i * 37) % 251))
  const labels = Uint8Array.from({ length: count }, (_, i) => i)
  const classes = Array.from(labels, String)
  return { name: 'tiny', images, labels, count, shape, classes, mean: [0.5, 0.25], std: [0.25, 0.5] }
}

const normalised = (set: Dataset, c: number, value: number): number =>
  Math.fround((value / 255 - (set.mean[c] as number)) / (set.std[c] as number))

const all = (set: Dataset, options: BatchOptions): Batch[] => [...batches(set, options)]

/** Images and labels of several batches, one after another. */
function joined(list: readonly Batch[]): { input: number[]; target: number[] } {
  return {
    input: list.flatMap(({ input }) => [...input]),
    target: list.flatMap(({ target }) => [...target!]),
  }
}

test('in order, normalised, the last partial batch kept', () => {
  const set = tinySet(10)
  const list = all(set, { batchSize: 4 })
  assert.equal(
    list.map(({ count }) => count),
    [4, 4, 2],
  )
  assert.is(stepsPerEpoch(set, 4), 3)
  const { input, target } = joined(list)
  assert.equal(target, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.is(input.length, set.images.length)
  input.forEach((value, i) =>
    assert.is(value, normalised(set, Math.floor(i / 35) % 2, set.images[i] as number)),
  )
})

test('shuffled: every image once an epoch; epochs and seeds differ; batch size does not matter', () => {
  const set = tinySet(100)
  const order = (options: Partial<BatchOptions>): number[] =>
    joined(all(set, { batchSize: 32, shuffle: true, ...options })).target
  const first = order({ seed: 3, epoch: 1 })
  assert.equal(
    first.toSorted((a, b) => a - b),
    [...set.labels],
  )
  assert.equal(order({ seed: 3, epoch: 1, batchSize: 7 }), first)
  assert.not.equal(order({ seed: 3, epoch: 2 }), first)
  assert.not.equal(order({ seed: 4, epoch: 1 }), first)
  assert.not.equal(first, [...set.labels])
})

test('from any step, with the same bits', () => {
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 1, max: 40 }),
        batchSize: fc.integer({ min: 1, max: 50 }),
        seed: fc.nat(),
        epoch: fc.nat(),
        shuffle: fc.boolean(),
        augment: fc.boolean(),
      }),
      fc.nat(),
      ({ count, ...options }, pick) => {
        const set = tinySet(count)
        const whole = all(set, options)
        const start = pick % (whole.length + 1)
        assert.equal(all(set, { ...options, start }), whole.slice(start))
      },
    ),
    { numRuns: 60 },
  )
})

test('augmentation: the crop and mirror that the documented word says', () => {
  const set = tinySet(200)
  const [channels, height, width] = set.shape
  const options = { batchSize: 64, seed: 11, epoch: 5, shuffle: true, augment: true }
  const { input, target } = joined(all(set, options))
  const words = randomWords({ seed: 11, purpose: Purpose.augmentation, stream: 5 }, set.count)
  const seen = new Set<number>()
  let at = 0
  target.forEach((image, position) => {
    const draw = Number((BigInt(words[position] as number) * 162n) >> 32n)
    seen.add(draw)
    const [top, left, mirrored] = [Math.floor(draw / 18), Math.floor(draw / 2) % 9, draw % 2 === 1]
    for (let c = 0; c < channels; ++c)
      for (let y = 0; y < height; ++y)
        for (let x = 0; x < width; ++x) {
          const row = y + top - 4
          const column = (mirrored ? width - 1 - x : x) + left - 4
          const inside = row >= 0 && row < height && column >= 0 && column < width
          const pixel = inside ? set.images[((image * channels + c) * height + row) * width + column] : 0
          assert.is(input[at++], normalised(set, c, pixel as number))
        }
  })
  assert.ok(seen.size > 80, `only ${seen.size} of 162 crops in 200 images`)
})

test('augmentation does not change the order, and off means untouched', () => {
  const set = tinySet(30)
  const plain = joined(all(set, { batchSize: 8, seed: 1, shuffle: true }))
  const changed = joined(all(set, { batchSize: 8, seed: 1, shuffle: true, augment: true }))
  assert.equal(changed.target, plain.target)
  assert.not.equal(changed.input, plain.input)
})

test('a batch is the receiver’s own: writing to it changes no later one', () => {
  const set = tinySet(8)
  const expected = all(set, { batchSize: 4 })
  const source = batches(set, { batchSize: 4 })
  for (const batch of expected) {
    const { value } = source.next()
    assert.equal(value, batch)
    ;(value as Batch).input.fill(Number.NaN)
  }
})

test('mean and deviation of known images', () => {
  const images = Uint8Array.of(0, 255, 0, 255, 10, 10, 10, 10)
  const { mean, std } = meanAndDeviation(images, [2, 2, 2])
  assert.equal(mean, [0.5, 10 / 255])
  assert.equal(std, [0.5, 1])
  assert.throws(() => meanAndDeviation(new Uint8Array(0), [1, 2, 2]), /received none/)
})

test('bad options are refused when asked for, not at the first batch', () => {
  const set = tinySet(10)
  const refused = (options: object, code: string, word: string): void =>
    assert.throws(
      () => batches(set, options as BatchOptions),
      (error: DeepZeroError) => error.code === code && error.message.includes(word),
    )
  refused({ batchSize: 0 }, 'ERR_INVALID_ARGUMENT', 'batchSize')
  refused({ batchSize: 2.5 }, 'ERR_INVALID_ARGUMENT', 'batchSize')
  refused({ batchSize: 4, epoch: -1 }, 'ERR_INVALID_ARGUMENT', 'epoch')
  refused({ batchSize: 4, start: 4 }, 'ERR_INVALID_ARGUMENT', 'from 0 to 3')
  refused({ batchSize: 4, shufle: true }, 'ERR_UNKNOWN_OPTION', "'shuffle'")
  refused({}, 'ERR_INVALID_ARGUMENT', 'batchSize')
})

test.run()
