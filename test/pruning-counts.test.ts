// Layer ratios from scores, masks, and layer-wise draws: totals, order statistics, guards, monotony, ties.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keptOf, layerWiseRandom, uniformSparsity } from '../lib/coordinates.ts'
import { DeepZeroError } from '../lib/errors.ts'
import type { NetworkLayout, TensorInfo } from '../lib/native.ts'
import { networkBuilder } from '../lib/networks/network.ts'
import { resnet8 } from '../lib/networks/resnet.ts'
import { ratioCorrelation, spearman } from '../lib/pruning/correlation.ts'
import { ratiosFromScores, topMask } from '../lib/pruning/counts.ts'
import { layersOf, layerWeights, RATIOS_FORMAT, totals } from '../lib/pruning/ratios.ts'
import { ratiosTable } from '../lib/pruning/table.ts'

/** 3 layers of 18, 36 and 12 weights, with batch norm and biases between them. */
function tiny(): NetworkLayout {
  const net = networkBuilder('tiny', [1, 4, 4])
  let x = net.batchNorm2d('bn1', net.conv2d('a', net.input, { out: 2, kernel: 3, padding: 1, bias: true }))
  x = net.conv2d('b', x, { out: 2, kernel: 3, padding: 1 })
  net.linear('c', net.globalAvgPool('pool', x), { out: 6 })
  return net.build({ seed: 0 }).layout
}
const layout = tiny()
const weights = layerWeights(layout)
const WEIGHTS = 18 + 36 + 12

const refused = (work: () => unknown, code: string, message: RegExp): void =>
  assert.throws(work, (error: unknown) => {
    assert.instance(error, DeepZeroError)
    assert.is((error as DeepZeroError).code, code)
    assert.match((error as Error).message, message)
    return true
  })

/** Flat scores that name their weight; NaN outside the layers, which nobody may look at. */
function flat(score: (place: number) => number): Float64Array {
  const out = new Float64Array(layout.parameterCount).fill(Number.NaN)
  let place = 0
  for (const { offset, size } of weights) for (let i = offset; i < offset + size; ++i) out[i] = score(place++)
  return out
}
const inside = (set: Uint32Array, { offset, size }: TensorInfo): number[] =>
  [...set].filter((i) => i >= offset && i < offset + size)

/** Few different values, so that ties are common; a layer's scores may be far above the others'. */
const scores = fc
  .tuple(
    fc.array(fc.integer({ min: -3, max: 3 }), { minLength: WEIGHTS, maxLength: WEIGHTS }),
    fc.constantFrom(0, 10),
    fc.integer({ min: 0, max: 2 }),
  )
  .map(([values, lift, lifted]) =>
    flat((place) => values[place]! + ((place < 18 ? 0 : place < 54 ? 1 : 2) === lifted ? lift : 0)),
  )
const keeping = (count: number): number => 1 - count / WEIGHTS

test('the total is met, and no layer is empty', () => {
  assert.equal(
    weights.map(({ size }) => size),
    [18, 36, 12],
  )
  fc.assert(
    fc.property(scores, fc.integer({ min: 3, max: WEIGHTS }), (values, count) => {
      const ratios = ratiosFromScores(layout, values, keeping(count))
      assert.equal(totals(ratios), { keep: count, of: WEIGHTS })
      for (const { name, size } of weights) {
        const { keep, of } = ratios.layers[name]!
        assert.is(of, size)
        assert.ok(keep >= 1 && keep <= size, `${name}: ${keep}`)
      }
    }),
  )
})

test('the mask holds the largest scores, the lower index first, and everything that is not pruned', () => {
  fc.assert(
    fc.property(scores, fc.integer({ min: 3, max: WEIGHTS }), (values, count) => {
      const mask = topMask(layout, values, keeping(count))
      for (let i = 1; i < mask.length; ++i) assert.ok(mask[i]! > mask[i - 1]!)
      assert.is(mask.length, layout.parameterCount - WEIGHTS + count)
      // Sorted by score, then by index: the plain definition.
      const order = weights
        .flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i))
        .sort((i, j) => values[j]! - values[i]! || i - j)
      const expected = new Set(order.slice(0, count))
      const empty = weights.some((tensor) => inside(Uint32Array.from(expected), tensor).length === 0)
      for (const tensor of layout.parameters) {
        const found = inside(mask, tensor)
        if (!weights.includes(tensor)) assert.is(found.length, tensor.size, tensor.name)
        else if (!empty) assert.ok(found.every((i) => expected.has(i)))
        // With a layer filled up, each layer still has its own largest.
        else
          assert.equal(
            found,
            order
              .filter((i) => inside(Uint32Array.of(i), tensor).length > 0)
              .slice(0, found.length)
              .sort((i, j) => i - j),
          )
      }
    }),
  )
})

test('one more weight is one more in one layer', () => {
  fc.assert(
    fc.property(scores, fc.integer({ min: 3, max: WEIGHTS - 1 }), (values, count) => {
      const few = Object.values(ratiosFromScores(layout, values, keeping(count)).layers)
      const more = Object.values(ratiosFromScores(layout, values, keeping(count + 1)).layers)
      const added = more.map(({ keep }, i) => keep - few[i]!.keep)
      assert.equal(added.sort(), [0, 0, 1])
    }),
  )
})

test('an empty layer gets one from the layer that keeps most', () => {
  // a: 18 best, b: 36 next, c: 12 last.
  const values = flat((place) => -place)
  const kept = (count: number): number[] =>
    Object.values(ratiosFromScores(layout, values, keeping(count)).layers).map(({ keep }) => keep)
  assert.equal(kept(40), [18, 21, 1])
  assert.equal(kept(10), [8, 1, 1])
  assert.equal(kept(3), [1, 1, 1])
})

test('equal scores: the first indices', () => {
  const mask = topMask(
    layout,
    flat(() => 0),
    keeping(20),
  )
  const [a, b, c] = weights.map((tensor) => inside(mask, tensor).map((i) => i - tensor.offset))
  // All 18 of a and 2 of b; c is empty and takes one from a.
  assert.equal(
    a,
    Array.from({ length: 17 }, (_, i) => i),
  )
  assert.equal(b, [0, 1])
  assert.equal(c, [0])
})

test('what cannot be met says so', () => {
  const values = flat((place) => place)
  refused(
    () => ratiosFromScores(layout, values, 0.97),
    'ERR_INVALID_ARGUMENT',
    /sparsity: expected at most 0\.954545, which leaves a weight in each of the 3 layers \(of 66 weights 2 would be left\), received 0\.97/,
  )
  assert.is(totals(ratiosFromScores(layout, values, 0.954545)).keep, 3)
  refused(() => ratiosFromScores(layout, values, 1), 'ERR_INVALID_ARGUMENT', /sparsity: .* below 1/)
  refused(() => topMask(layout, values.subarray(1), 0.5), 'ERR_INVALID_ARGUMENT', /one per parameter/)
  const bad = flat((place) => (place === 20 ? Number.NaN : place))
  refused(() => ratiosFromScores(layout, bad, 0.5), 'ERR_NOT_FINITE', /NaN for b\.weight at element 2/)
})

test('layer-wise draws: counts, nesting, the same as uniformSparsity where the counts are', () => {
  const big = resnet8().layout
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat(),
      fc.nat(),
      (sparsity, seed, draw) => {
        const layers = layersOf(big, (_, { size }) => keptOf(size, sparsity))
        assert.equal(
          layerWiseRandom(big, { layers }, { seed, draw }),
          uniformSparsity(big, sparsity, { seed, draw }),
        )
      },
    ),
    { numRuns: 20 },
  )
  fc.assert(
    fc.property(
      fc.tuple(...weights.map(({ size }) => fc.integer({ min: 1, max: size }))),
      fc.nat(),
      (keep, seed) => {
        const ratios = { layers: layersOf(layout, (i) => keep[i]!) }
        const set = layerWiseRandom(layout, ratios, { seed, draw: 1 })
        weights.forEach((tensor, i) => assert.is(inside(set, tensor).length, keep[i]))
        assert.is(set.length, layout.parameterCount - WEIGHTS + keep.reduce((sum, n) => sum + n))
        const fewer = { layers: layersOf(layout, (i) => Math.ceil(keep[i]! / 2)) }
        const members = new Set(set)
        assert.ok(layerWiseRandom(layout, fewer, { seed, draw: 1 }).every((i) => members.has(i)))
        assert.equal(layerWiseRandom(layout, ratios, { seed, draw: 1 }), set)
      },
    ),
    { numRuns: 30 },
  )
  const half = { layers: layersOf(layout, (_, { size }) => size / 2) }
  assert.not.equal(layerWiseRandom(layout, half, { draw: 0 }), layerWiseRandom(layout, half, { draw: 1 }))
})

test('Spearman: order alone counts, ties share a rank, a constant has none', () => {
  assert.is(spearman([1, 2, 3, 10], [0.1, 5, 6, 7]), 1)
  assert.is(spearman([1, 2, 3], [3, 2, 1]), -1)
  // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5 of variances 4.5 and 5.
  assert.ok(Math.abs(spearman([1, 2, 2, 3], [1, 2, 3, 4]) - 4.5 / Math.sqrt(4.5 * 5)) <= 1e-15) // a rounding or two
  assert.ok(Number.isNaN(spearman([1, 1], [1, 2])))
  const ratios = (keep: number[]) => ({ layers: layersOf(layout, (i) => keep[i]!) })
  // Shares 1/18 < 9/36 < 6/12, and the other way round.
  assert.is(ratioCorrelation(ratios([1, 9, 6]), ratios([2, 10, 7])), 1)
  assert.is(ratioCorrelation(ratios([1, 9, 6]), ratios([9, 9, 1])), -1)
  refused(() => spearman([1, 2], [1]), 'ERR_INVALID_ARGUMENT', /same length/)
  refused(() => ratioCorrelation(ratios([1, 1, 1]), { layers: {} }), 'ERR_INVALID_ARGUMENT', /a\.weight/)
})

test('the table keeps to its width, and has no bars where there is no room', () => {
  const layers = layersOf(layout, (i) => [9, 36, 3][i]!)
  const head = { network: 'tiny', method: 'magnitude', sparsity: 0.5, seed: 1 }
  const ratios = { format: RATIOS_FORMAT, ...head, layers } as const
  assert.is(
    ratiosTable(ratios, 47),
    [
      'a.weight   9 of 18   50.0 %  █████████',
      'b.weight  36 of 36  100.0 %  ██████████████████',
      'c.weight   3 of 12   25.0 %  ████▌',
      'all       48 of 66   72.7 %',
    ].join('\n'),
  )
  for (const width of [20, 30, 36, 60, 200])
    for (const line of ratiosTable(ratios, width).split('\n'))
      assert.ok(line.length <= Math.max(width, 28), `${width}: ${line}`)
  assert.not.match(ratiosTable(ratios, 30), /█/)
})

test.run()
