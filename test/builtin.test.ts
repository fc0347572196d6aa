// The built-in data: the same bytes everywhere, balanced, varied, and out of a linear classifier's reach.
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { builtin, builtinClasses } from '../lib/data/builtin.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { softmaxRegression } from '../lib/training/linear.ts'

const SIZE = 3 * 32 * 32
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

test('the bytes are the same on every platform', () => {
  const { train, test } = builtin({ train: 100, test: 100 })
  assert.is(digest(train.images), '41bbda35567cbe01')
  assert.is(digest(test.images), '58fd16b01b4d9147')
})

test('an image depends on seed, split and place alone', () => {
  const few = builtin({ train: 20, test: 10, seed: 7 })
  const more = builtin({ train: 50, test: 30, seed: 7 })
  assert.equal(more.train.images.subarray(0, 20 * SIZE), few.train.images)
  assert.equal(more.test.images.subarray(0, 10 * SIZE), few.test.images)
  const digests = [few.train, few.test, builtin({ train: 20, test: 10, seed: 8 }).train].map(({ images }) =>
    digest(images.subarray(0, 10 * SIZE)),
  )
  assert.is(new Set(digests).size, 3)
})

test('shape, classes, balance, one mean and deviation for both splits', () => {
  const data = builtin({ train: 200, test: 100 })
  assert.is(builtinClasses.length, 10)
  assert.is(new Set(builtinClasses).size, 10)
  for (const set of [data.train, data.test]) {
    assert.equal(set.shape, [3, 32, 32])
    assert.is(set.images.length, set.count * SIZE)
    assert.is(set.labels.length, set.count)
    for (let label = 0; label < 10; ++label)
      assert.is(set.labels.filter((found) => found === label).length, set.count / 10)
  }
  assert.equal(data.test.mean, data.train.mean)
  assert.equal(data.test.std, data.train.std)
  const expected = data.train.images.reduce((sum, value) => sum + value, 0) / data.train.images.length / 255
  const mean = data.train.mean.reduce((sum, value) => sum + value, 0) / 3
  assert.ok(Math.abs(mean - expected) < 1e-9)
})

test('no two images are alike, and the mean image of a class is nearly flat', () => {
  const { images, labels, count } = builtin({ train: 2000, test: 1 }).train
  const seen = new Set<string>()
  const means = builtinClasses.map(() => new Float64Array(SIZE))
  for (let i = 0; i < count; ++i) {
    const image = images.subarray(i * SIZE, (i + 1) * SIZE)
    seen.add(digest(image))
    const mean = means[labels[i] as number] as Float64Array
    for (let j = 0; j < SIZE; ++j) mean[j]! += (image[j] as number) / (count / 10)
  }
  assert.is(seen.size, count)
  // Pixels deviate by 66 of 255; the mean of 200 independent ones by 4.7. Smoothness leaves some structure.
  for (const [label, mean] of means.entries()) {
    const centre = mean.reduce((sum, value) => sum + value, 0) / SIZE
    const deviation = Math.sqrt(mean.reduce((sum, value) => sum + (value - centre) ** 2, 0) / SIZE)
    assert.ok(deviation < 15, `${builtinClasses[label]}: ${deviation}`)
    assert.ok(Math.abs(centre - 130) < 15, `${builtinClasses[label]}: ${centre}`)
  }
})

test('a linear classifier on the pixels learns the training images and stays below 40 % on others', () => {
  const { train, test } = softmaxRegression(builtin({ train: 1000, test: 500 }), {
    lr: 1e-3,
    weightDecay: 1e-2,
    epochs: 4,
  })
  assert.ok(Math.max(...train) > 0.4, `training accuracy ${train}: it does not learn at all`)
  assert.ok(Math.max(...test) < 0.4, `test accuracy ${test}`)
})

test('bad options are refused', () => {
  const refused = (options: object, code: string, word: string): void =>
    assert.throws(
      () => builtin(options),
      (error: DeepZeroError) => error.code === code && error.message.includes(word),
    )
  refused({ train: 0 }, 'ERR_INVALID_ARGUMENT', 'train')
  refused({ test: 1.5 }, 'ERR_INVALID_ARGUMENT', 'test')
  refused({ seed: -1 }, 'ERR_INVALID_ARGUMENT', 'seed')
  refused({ trian: 5 }, 'ERR_UNKNOWN_OPTION', "did you mean 'train'")
})

test.run()
