// Coordinate sets: sizes, what is always in, uniformity, independence of draws and layers.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allCoordinates, keptOf, smallest, uniformSparsity } from '../lib/coordinates.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { resnet8 } from '../lib/networks/resnet.ts'

const { layout } = resnet8()
const within = (set: Uint32Array, offset: number, size: number): number =>
  set.filter((i) => i >= offset && i < offset + size).length

test('all: every index once, in order', () => {
  assert.equal(
    allCoordinates(cnn(1, 18).layout),
    Uint32Array.from({ length: 730 }, (_, i) => i),
  )
})

test('counts per layer; batch norm and biases whole; sorted, no duplicates', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(),
      fc.nat(),
      (sparsity, seed, draw) => {
        const set = uniformSparsity(layout, sparsity, { seed, draw })
        for (let i = 1; i < set.length; ++i) assert.ok((set[i] as number) > (set[i - 1] as number))
        for (const { name, kind, role, offset, size } of layout.parameters) {
          const thinned = role === 'weight' && kind !== 'batchNorm2d'
          const expected = thinned ? Math.max(1, Math.round((1 - sparsity) * size)) : size
          assert.is(within(set, offset, size), expected, name)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('sparsity 0 is everything', () => {
  assert.equal(uniformSparsity(layout, 0), allCoordinates(layout))
})

test('at least one weight a layer stays', () => {
  assert.is(keptOf(216, 0.9999), 1)
  assert.is(keptOf(432, 0.9), 43)
})

test('one seed and draw give one set; a sparser one lies inside it', () => {
  const set = uniformSparsity(layout, 0.9, { seed: 3, draw: 2 })
  assert.equal(uniformSparsity(layout, 0.9, { seed: 3, draw: 2 }), set)
  const members = new Set(set)
  assert.ok(uniformSparsity(layout, 0.97, { seed: 3, draw: 2 }).every((i) => members.has(i)))
})

// A set that keeps p of n weights meets an independent one in p²·n places; deviation √n·p·(1 − p) at most.
test('draws, seeds and layers are independent', () => {
  const big = layout.parameters.find(({ name }) => name === 'layer3.0.conv2.weight')
  assert.ok(big)
  const { offset, size } = big
  const weights = (seed: number, draw: number): number[] =>
    [...uniformSparsity(layout, 0.9, { seed, draw })].filter((i) => i >= offset && i < offset + size)
  const base = new Set(weights(1, 0))
  const bound = 5 * Math.sqrt(size) * 0.09
  for (const other of [weights(1, 1), weights(1, 2), weights(2, 0)]) {
    const common = other.filter((i) => base.has(i)).length
    assert.ok(Math.abs(common - 0.01 * size) <= bound, `${common} common of ${size}`)
  }
  // The same places of two layers of one size.
  const [a, b] = ['layer1.0.conv1.weight', 'layer1.0.conv2.weight'].map((name) =>
    layout.parameters.find((parameter) => parameter.name === name),
  )
  assert.ok(a && b)
  const set = new Set(uniformSparsity(layout, 0.5, { seed: 1 }))
  let same = 0
  for (let i = 0; i < a.size; ++i) if (set.has(a.offset + i) === set.has(b.offset + i)) ++same
  assert.ok(Math.abs(same - a.size / 2) <= 5 * Math.sqrt(a.size) * 0.5, `${same} alike of ${a.size}`)
})

test('every weight is equally likely', () => {
  const small = cnn(1, 2).layout
  const weight = small.parameters[0]
  assert.ok(weight && weight.size === 54)
  const draws = 2000
  const hits = new Float64Array(weight.size)
  for (let draw = 0; draw < draws; ++draw)
    for (const i of uniformSparsity(small, 0.75, { seed: 8, draw })) if (i < weight.size) hits[i]! += 1
  const p = keptOf(54, 0.75) / 54
  const bound = 5 * Math.sqrt(draws * p * (1 - p))
  hits.forEach((count, i) => assert.ok(Math.abs(count - draws * p) <= bound, `weight ${i}: ${count} hits`))
})

test('of equal words the earlier ones are kept, as many as asked for', () => {
  const words = Uint32Array.of(5, 2, 5, 9, 5, 0)
  assert.equal([...smallest(words, 3, 100)], [100, 101, 105])
  assert.equal([...smallest(words, 4, 100)], [100, 101, 102, 105])
  assert.equal([...smallest(Uint32Array.of(7, 7, 7), 2, 0)], [0, 1])
  assert.equal([...smallest(Uint32Array.of(2 ** 32 - 1, 0), 2, 0)], [0, 1])
})

test('a sparsity outside [0, 1) is refused', () => {
  for (const bad of [1, 1.5, -0.1, Number.NaN, '0.9', undefined])
    assert.throws(
      () => uniformSparsity(layout, bad as number),
      (error: DeepZeroError) => error.code === 'ERR_INVALID_ARGUMENT' && error.message.includes('sparsity'),
      `${bad}`,
    )
  assert.throws(() => uniformSparsity(layout, 0.5, { draw: -1 }), /draw/)
  assert.throws(() => uniformSparsity(layout, 0.5, { sed: 1 } as object), /did you mean 'seed'/)
})

test.run()
