// Ask/tell: any order of values gives the closed loop's bits, a saved state continues, and slips are refused.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { directionKinds } from '../lib/estimators/direction.ts'
import {
  type CgeSettings,
  cge,
  cgeQueries,
  type Estimate,
  type FloatArray,
  type Queries,
  type QueriesState,
  type RgeSettings,
  rge,
  rgeQueries,
} from '../lib/index.ts'

/** No symmetry, and rounding everywhere: another order of sums would show. */
const f = (x: ArrayLike<number>): number => {
  let sum = 0.1
  for (let i = 0; i < x.length; ++i) sum += Math.sin(3 * x[i]! + i) + x[i]! * (x[(i * 7 + 1) % x.length] ?? 0)
  return sum
}

const settings = fc.record(
  {
    mu: fc.double({ min: 1e-3, max: 1, noNaN: true }),
    scheme: fc.constantFrom('forward', 'central'),
    value: fc.constant(1.5),
    coordinates: fc.uniqueArray(fc.nat(4), { minLength: 1 }),
  },
  { requiredKeys: [] },
)
const randomSettings = fc.record(
  {
    count: fc.integer({ min: 1, max: 9 }),
    directions: fc.constantFrom(...directionKinds),
    seed: fc.nat(),
    first: fc.nat(),
    blocks: fc.constant([
      { offset: 0, size: 2 },
      { offset: 2, size: 7 },
    ]),
  },
  { requiredKeys: ['blocks'] },
)
const problem = fc.record({
  theta: fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 9, maxLength: 9 }),
  Type: fc.constantFrom(Float32Array, Float64Array),
  cgeOptions: settings as fc.Arbitrary<CgeSettings>,
  rgeOptions: randomSettings as fc.Arbitrary<RgeSettings>,
  random: fc.boolean(),
})

type Problem = typeof problem extends fc.Arbitrary<infer P> ? P : never

function open(
  { theta, Type, cgeOptions, rgeOptions, random }: Problem,
  state?: QueriesState,
): Queries<FloatArray> {
  const at: FloatArray = Type.from(theta)
  return random ? rgeQueries(at, { ...cgeOptions, ...rgeOptions }, state) : cgeQueries(at, cgeOptions, state)
}

function closed({ theta, Type, cgeOptions, rgeOptions, random }: Problem): Promise<Estimate<FloatArray>> {
  const at: FloatArray = Type.from(theta)
  return random ? rge(f, at, { ...cgeOptions, ...rgeOptions }) : cge(f, at, cgeOptions)
}

test('values told in any order give the bits of the closed loop', async () => {
  await fc.assert(
    fc.asyncProperty(problem, fc.infiniteStream(fc.nat()), async (given, keys) => {
      const queries = open(given)
      const all = queries.ask(queries.total)
      assert.equal(
        all.map(({ id }) => id),
        Array.from({ length: queries.total }, (_, id) => id),
      )
      assert.equal(queries.ask(), [])
      const order = all.map((query) => ({ query, key: keys.next().value as number }))
      for (const { query } of order.sort((a, b) => a.key - b.key)) {
        assert.not(queries.done)
        queries.tell(query.id, f(query.point))
      }
      assert.ok(queries.done)
      assert.equal(queries.result(), await closed(given))
    }),
    { numRuns: 200 },
  )
})

test('a state that went through JSON continues to the same bits', async () => {
  await fc.assert(
    fc.asyncProperty(problem, fc.infiniteStream(fc.boolean()), async (given, told) => {
      const before = open(given)
      let known = 0
      for (const { id, point } of before.ask(before.total)) {
        if (!told.next().value) continue
        before.tell(id, f(point))
        known += 1
      }
      const state = JSON.parse(JSON.stringify(before.state())) as QueriesState
      const after = open(given, state)
      assert.is(after.remaining, after.total - known)
      for (let asked = after.ask(2); asked.length > 0; asked = after.ask(2)) {
        for (const { id, point } of asked) after.tell(id, f(point))
      }
      assert.equal(after.result(), await closed(given))
    }),
    { numRuns: 200 },
  )
})

test('a state of another θ or other options is refused', () => {
  const theta = Float64Array.of(1, 2, 3)
  const state = cgeQueries(theta).state()
  cgeQueries(theta, { mu: 1e-4, scheme: 'forward' }, state)
  cgeQueries(theta, { coordinates: [2, 0, 1] }, state)
  const refused = (open: () => unknown): void =>
    assert.throws(open, /state\.problem: expected that of this θ and these options/)
  refused(() => cgeQueries(Float64Array.of(1, 2, 4), {}, state))
  refused(() => cgeQueries(Float32Array.of(1, 2, 3), {}, state))
  refused(() => cgeQueries(theta, { mu: 1e-3 }, state))
  refused(() => cgeQueries(theta, { scheme: 'central' }, state))
  refused(() => cgeQueries(theta, { value: 0 }, state))
  refused(() => cgeQueries(theta, { coordinates: [0, 1] }, state))
  refused(() => rgeQueries(theta, { count: 3 }, state))
  const random = rgeQueries(theta, { count: 3 }).state()
  refused(() => rgeQueries(theta, { count: 3, seed: 1 }, random))
  refused(() => rgeQueries(theta, { count: 3, first: 1 }, random))
  refused(() => rgeQueries(theta, { count: 3, directions: 'gaussian' }, random))
  const directions = 'tensor'
  const cut = (size: number) => [
    { offset: 0, size },
    { offset: size, size: 3 - size },
  ]
  const tensors = rgeQueries(theta, { directions, blocks: cut(1) }).state()
  rgeQueries(theta, { directions, blocks: cut(1).reverse() }, tensors)
  refused(() => rgeQueries(theta, { directions, blocks: cut(2) }, tensors))
  const open = (values: unknown) => () => cgeQueries(theta, {}, { ...state, values } as QueriesState)
  assert.throws(open('none'), /state\.values: expected an array/)
  assert.throws(open([3]), /state\.values: expected an array/)
  assert.throws(open([[0, null]]), /f at θ: expected a finite number, received null/)
  assert.throws(open([[9, 1]]), /id: expected an integer from 0 to 3, received 9/)
})

test('θ is copied: what becomes of it later changes nothing', () => {
  const theta = Float64Array.of(1, 2)
  const queries = [cgeQueries(theta), rgeQueries(theta)]
  const before = queries.map((one) => one.point(1))
  theta.fill(7)
  assert.equal(
    queries.map((one) => one.point(1)),
    before,
  )
})

test('slips are refused, and leave the query open', () => {
  const queries = cgeQueries(Float64Array.of(1, 2, 3), { coordinates: [1] })
  assert.throws(() => queries.result(), /result: expected all 2 values, 2 of them are not told yet/)
  assert.throws(() => queries.tell(2, 0), /id: expected an integer from 0 to 1, received 2/)
  assert.throws(() => queries.ask(0), /count: expected an integer at least 1/)
  assert.throws(() => queries.tell(0, Number.NaN), /f at θ: expected a finite number, received NaN/)
  assert.throws(() => queries.tell(1, '1' as never), /f at θ \+ μ·e\[1\]: .* received '1'/)
  assert.is(queries.remaining, 2)
  queries.tell(0, -0)
  assert.throws(() => queries.tell(0, 1), /id: expected one without a value, received 0/)
  // Told before it was asked: not asked any more.
  assert.equal(
    queries.ask(5).map(({ id }) => id),
    [1],
  )
  assert.equal(queries.point(1), Float64Array.of(1, 2 + 1e-4, 3))
  queries.tell(1, 0)
  // JSON has no −0, so there is none.
  assert.ok(Object.is(queries.result().value, 0))
  const random = rgeQueries(new Float64Array(2), { scheme: 'central', first: 8 })
  assert.throws(() => random.tell(1, Number.POSITIVE_INFINITY), /f at θ − μ·u\[8\]: .* received Infinity/)
})

test.run()
