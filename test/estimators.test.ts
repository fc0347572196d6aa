// Estimators for any function: exact on linear and quadratic functions, directions as defined, sets, unbiasedness.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { activeSet } from '../lib/estimators/active-set.ts'
import { type DirectionKind, direction, directionKinds } from '../lib/estimators/direction.ts'
import {
  type Block,
  blocksOf,
  cge,
  type FloatArray,
  Purpose,
  randomNormal,
  randomWords,
  rge,
} from '../lib/index.ts'

const types = [Float32Array, Float64Array] as const
const schemes = ['forward', 'central'] as const
/** Half a unit in the last place, relative. */
const ROUNDING = { Float32Array: 2 ** -24, Float64Array: 2 ** -53 } as Record<string, number>

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; ++i) sum += a[i]! * b[i]!
  return sum
}
const magnitude = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(Array.from(a, Math.abs), Array.from(b, Math.abs))

const number = (size: number) => fc.double({ min: -size, max: size, noNaN: true })
const vectors = (length: number) => ({
  theta: fc.array(number(10), { minLength: length, maxLength: length }),
  slope: fc.array(number(5), { minLength: length, maxLength: length }),
})
/** μ over six decades. */
const step = fc.double({ min: -4, max: 2, noNaN: true }).map((exponent) => 10 ** exponent)

test('cge of a linear function is exact to rounding, for any μ, type and scheme', async () => {
  const sizes = fc.integer({ min: 1, max: 12 }).chain((length) => fc.record({ ...vectors(length), mu: step }))
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.constantFrom(...types),
      fc.constantFrom(...schemes),
      async ({ theta, slope, mu }, Type, scheme) => {
        const at = Type.from(theta)
        const { gradient } = await cge((x) => dot(slope, x) + 3, at, { mu, scheme })
        assert.instance(gradient, Type)
        // f is a sum of length + 1 float64 terms; two values of it are subtracted and divided by a step, which is at
        // least μ less its own rounding to the type (μ = 1e-4 at θ = 10 moves float32 by 9.5e-5 or more). Then one
        // rounding to the type.
        const size = magnitude(slope, at) + 3 + mu * 5
        slope.forEach((a, i) => {
          const tolerance =
            (4 * (slope.length + 1) * 2 ** -53 * size) / (0.9 * mu) +
            ROUNDING[Type.name]! * Math.abs(a) +
            1e-40
          const error = Math.abs(gradient[i]! - a)
          assert.ok(
            error <= tolerance,
            `${Type.name} ${scheme} μ ${mu}: off by ${error}, allowed ${tolerance}`,
          )
        })
      },
    ),
    { numRuns: 300 },
  )
})

test('cge of a quadratic function: central exact to rounding, forward off by h·H_ii/2', async () => {
  const problem = fc.integer({ min: 1, max: 6 }).chain((length) =>
    fc.record({
      ...vectors(length),
      mu: step,
      rows: fc.array(fc.array(number(3), { minLength: length, maxLength: length }), {
        minLength: length,
        maxLength: length,
      }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(
      problem,
      fc.constantFrom(...types),
      fc.constantFrom(...schemes),
      async ({ theta, slope, rows, mu }, Type, scheme) => {
        const length = theta.length
        const H = rows.map((row, i) => row.map((value, j) => (value + rows[j]![i]!) / 2))
        const f = (x: FloatArray): number =>
          dot(slope, x) +
          0.5 *
            dot(
              x,
              H.map((row) => dot(row, x)),
            )
        const at = Type.from(theta)
        const { gradient } = await cge(f, at, { mu, scheme })
        const reach = Array.from(at, (value) => Math.abs(value) + mu)
        const size = dot(reach, slope.map(Math.abs)) + 3 * dot(reach, reach) * length
        for (let i = 0; i < length; ++i) {
          const up = Type.of(at[i]! + mu)[0]! - at[i]!
          const down = at[i]! - Type.of(at[i]! - mu)[0]!
          // f(θ + up·e) − f(θ − down·e) = (up + down)·g + ½·H·(up² − down²); up and down differ by rounding only.
          const truncation = scheme === 'forward' ? (up * H[i]![i]!) / 2 : ((up - down) * H[i]![i]!) / 2
          const expected = slope[i]! + dot(H[i]!, at) + truncation
          const tolerance =
            (4 * (length + 2) ** 2 * 2 ** -53 * size) / (0.9 * mu) +
            ROUNDING[Type.name]! * Math.abs(expected) +
            1e-40
          const error = Math.abs(gradient[i]! - expected)
          assert.ok(
            error <= tolerance,
            `${Type.name} ${scheme} μ ${mu}: off by ${error}, allowed ${tolerance}`,
          )
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('float32: the step taken is divided by, not the one asked for', async () => {
  const { gradient } = await cge(([x]) => 2 * x!, Float32Array.of(1), { mu: 1e-4 })
  assert.is(gradient[0], 2) // 2·1e-4/1e-4 with the rounded step in the numerator would be 2.0003
  const along = await rge(([x]) => 2 * x!, Float32Array.of(1), { mu: 1e-4, count: 3 })
  assert.equal(Array.from(along.differences, Math.abs), [2, 2, 2])
  assert.is(along.gradient[0], 2)
})

test('queries and value: what is evaluated, and what is not', async () => {
  const theta = Float64Array.of(1, 2, 3)
  const f = (x: Float64Array): number => dot(x, x)
  const counted = async (estimate: typeof cge, options: object) => {
    let calls = 0
    const counting = (x: Float64Array): number => {
      calls += 1
      return f(x)
    }
    const { value, queries } = await estimate(counting, theta, options)
    assert.is(calls, queries)
    return [queries, value]
  }
  assert.equal(await counted(cge, {}), [4, 14])
  assert.equal(await counted(cge, { value: 14 }), [3, 14])
  assert.equal(await counted(cge, { scheme: 'central' }), [6, null])
  assert.equal(await counted(cge, { scheme: 'central', value: 14 }), [6, 14])
  assert.equal(await counted(cge, { coordinates: [2] }), [2, 14])
  assert.equal(await counted(rge, {}), [2, 14])
  assert.equal(await counted(rge, { count: 5, value: 14 }), [5, 14])
  assert.equal(await counted(rge, { count: 5, scheme: 'central' }), [10, null])
  assert.equal((await cge(f, theta, { value: 14 })).gradient, (await cge(f, theta)).gradient)
})

/** Disjoint blocks of `length` values, in any order. */
const someBlocks = (length: number) =>
  fc
    .uniqueArray(fc.integer({ min: 0, max: length }), { minLength: 2, maxLength: 8 })
    .map((cuts) => cuts.sort((a, b) => a - b))
    .chain((cuts) =>
      fc.shuffledSubarray(
        cuts.slice(1).map((cut, k): Block => ({ offset: cuts[k]!, size: cut - cuts[k]! })),
        { minLength: 1 },
      ),
    )

test('coordinates and blocks: the others are 0, those asked for are as in the full estimate', async () => {
  const length = 20
  const theta = randomNormal({ seed: 1, purpose: Purpose.syntheticData }, length)
  const f = (x: Float32Array): number => x.reduce((sum, value, i) => sum + Math.sin(value * (i + 1)), 0)
  const full = await cge(f, theta)
  const sets = fc.record(
    {
      coordinates: fc.uniqueArray(fc.nat(length - 1), { minLength: 1 }),
      blocks: someBlocks(length),
    },
    { requiredKeys: [] },
  )
  let partial = 0
  await fc.assert(
    fc.asyncProperty(sets, fc.boolean(), async ({ coordinates, blocks }, typed) => {
      const inside = (i: number): boolean =>
        (coordinates?.includes(i) ?? true) &&
        (blocks?.some(({ offset, size }) => i >= offset && i < offset + size) ?? true)
      const expected = full.gradient.map((value, i) => (inside(i) ? value : 0))
      const count = expected.filter((_, i) => inside(i)).length
      fc.pre(count > 0)
      const options = {
        coordinates: typed && coordinates ? Uint32Array.from(coordinates) : coordinates,
        blocks,
      }
      const { gradient, queries } = await cge(f, theta, options)
      assert.equal(gradient, expected)
      assert.is(queries, count + 1)
      for (const directions of directionKinds) {
        const random = await rge(f, theta, { ...options, directions, blocks: blocks ?? blocksOf(length, 7) })
        random.gradient.forEach((value, i) => {
          assert.is(value !== 0, inside(i), `${directions} at ${i}`)
        })
      }
      if (count < length) ++partial
    }),
    { numRuns: 100 },
  )
  assert.ok(partial > 50)
})

/** Directions as they are defined, from whole sequences; over all of θ, 0 where not active. */
function defined(kind: DirectionKind, seed: number, stream: number, length: number, groups: number[][]) {
  const key = { seed, purpose: Purpose.directions, stream }
  const normal = randomNormal(key, length)
  const words = randomWords(key, length)
  const u = new Float32Array(length)
  const all = groups.flat()
  for (const group of groups) {
    const over = kind === 'tensor' ? group : all
    const norm = Math.sqrt(over.map((i) => normal[i]! ** 2).reduce((a, b) => a + b, 0))
    for (const i of group) {
      if (kind === 'rademacher') u[i] = words[i]! >>> 31 === 0 ? 1 : -1
      else u[i] = kind === 'gaussian' ? normal[i]! : normal[i]! / norm
    }
  }
  return u
}

test('directions are those defined, whatever the active set', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }).chain((length) =>
        fc.record({
          length: fc.constant(length),
          coordinates: fc.uniqueArray(fc.nat(length - 1), { minLength: 1, maxLength: 40 }),
          size: fc.integer({ min: 1, max: length }),
        }),
      ),
      fc.constantFrom(...directionKinds),
      fc.nat(),
      fc.oneof(fc.nat(5), fc.constant(2 ** 32 + 1)),
      ({ length, coordinates, size }, kind, seed, index) => {
        const active = activeSet(length, coordinates, blocksOf(length, size))
        const sorted = coordinates.toSorted((a, b) => a - b)
        assert.equal([...active.indices], sorted)
        const groups = blocksOf(length, size).map(({ offset }) =>
          sorted.filter((i) => i >= offset && i < offset + size),
        )
        const u = defined(kind, seed, index % 2 ** 32, length, groups)
        assert.equal(
          direction(kind, seed, index, active),
          Float32Array.from(sorted, (i) => u[i]!),
        )
      },
    ),
    { numRuns: 200 },
  )
  const all = activeSet(9000, undefined, undefined)
  for (const kind of ['sphere', 'gaussian', 'rademacher'] as const) {
    assert.equal(direction(kind, 3, 1, all), defined(kind, 3, 1, 9000, [[...all.indices]]))
  }
})

test('rge of a linear function is the sum of its definition, at θ ± μ·u', async () => {
  const length = 30
  const blocks = blocksOf(length, 8)
  const slope = randomNormal({ seed: 2, purpose: Purpose.syntheticData }, length)
  const theta = Float64Array.from(randomNormal({ seed: 3, purpose: Purpose.syntheticData }, length))
  for (const coordinates of [undefined, [3, 1, 9, 20, 21, 22]]) {
    const groups = blocks.map(({ offset, size }) =>
      Array.from({ length: size }, (_, i) => offset + i).filter((i) => coordinates?.includes(i) ?? true),
    )
    for (const [directions, scheme] of directionKinds.flatMap((d) => schemes.map((s) => [d, s] as const))) {
      const points: Float64Array[] = []
      const f = (x: Float64Array): number => {
        points.push(x)
        return dot(slope, x)
      }
      const options = { directions, scheme, blocks, coordinates, count: 7, first: 4, seed: 5, mu: 0.01 }
      const { gradient, differences } = await rge(f, theta, options)
      const us = Array.from(differences, (_, k) => defined(directions, 5, 4 + k, length, groups))
      const sides = scheme === 'forward' ? [1] : [1, -1]
      const steps = us.flatMap((u) => sides.map((side) => ({ u, side })))
      assert.equal(
        points.slice(scheme === 'forward' ? 1 : 0),
        steps.map(({ u, side }) => theta.map((value, i) => value + side * 0.01 * u[i]!)),
      )
      const factor = directions === 'sphere' ? groups.flat().length : 1
      us.forEach((u, k) => {
        // Values of size 30 with float64 rounding, divided by 0.01.
        assert.ok(Math.abs(differences[k]! - dot(slope, u)) <= 1e-11, `${directions} ${scheme}`)
      })
      gradient.forEach((g, i) => {
        const column = us.map((u) => u[i]!)
        const expected = (factor / 7) * dot(differences, column)
        assert.ok(Math.abs(g - expected) <= 1e-12 * (1 + Math.abs(expected)), `${directions} ${scheme}`)
      })
    }
  }
})

test('rge: the directions of a later estimate go on where `first` says', async () => {
  const theta = new Float32Array(10).fill(0.5)
  const f = (x: Float32Array): number => dot(x, x)
  const whole = await rge(f, theta, { count: 8, seed: 3 })
  const part = await rge(f, theta, { count: 5, first: 3, seed: 3 })
  assert.equal(part.differences, whole.differences.slice(3))
  assert.not.equal((await rge(f, theta, { count: 8, seed: 4 })).differences, whole.differences)
})

// E[g] is a for sphere, gaussian and rademacher, and a_i/d_b in block b for tensor; the deviation of g_i of one
// direction follows from the fourth moments. Five deviations of the mean of q directions: a fixed seed, so no flake.
test('rge: the mean over many directions is the gradient, within five deviations', async () => {
  const length = 12
  const count = 5000
  const blocks = [
    { offset: 0, size: 4 },
    { offset: 4, size: 8 },
  ]
  const slope = randomNormal({ seed: 7, purpose: Purpose.syntheticData }, length)
  const squares = (from: number, size: number): number =>
    dot(slope.slice(from, from + size), slope.slice(from, from + size))
  const total = squares(0, length)
  for (const directions of directionKinds) {
    const f = (x: Float64Array): number => dot(slope, x)
    const { gradient } = await rge(f, new Float64Array(length), { directions, blocks, count, mu: 0.1 })
    gradient.forEach((g, i) => {
      const a = slope[i]!
      const own = blocks.find(({ offset, size }) => i < offset + size)!
      const other = blocks.find((block) => block !== own)!
      const mean = directions === 'tensor' ? a / own.size : a
      const second = {
        gaussian: total + 2 * a * a,
        rademacher: total,
        sphere: (length / (length + 2)) * (total + 2 * a * a),
        tensor:
          (squares(own.offset, own.size) + 2 * a * a) / (own.size * (own.size + 2)) +
          squares(other.offset, other.size) / (own.size * other.size),
      }[directions]
      const bound = 5 * Math.sqrt((second - mean * mean) / count)
      assert.ok(Math.abs(g - mean) <= bound, `${directions} ${i}: ${g} for ${mean}, allowed ${bound}`)
    })
  }
})

test('θ stays as it was, and f may do with its points what it likes', async () => {
  for (const Type of types) {
    const theta = Type.from([0.1, 0.2, 0.3])
    const before = theta.slice()
    const f = (x: FloatArray): number => {
      const sum = dot(x, x)
      x.fill(Number.NaN)
      return sum
    }
    for (const scheme of schemes) {
      const clean = await cge((x: FloatArray) => dot(x, x), theta, { scheme })
      assert.equal((await cge(f, theta, { scheme })).gradient, clean.gradient)
      assert.equal(theta, before)
      await rge(f, theta, { scheme, count: 4 })
      assert.equal(theta, before)
    }
  }
})

test('refusals come before any call, as rejections that name what was wrong', async () => {
  const theta = Float32Array.of(1, 2, 3)
  const refused = async (estimate: () => Promise<unknown>, pattern: RegExp): Promise<void> => {
    const error = await estimate().then(
      () => assert.unreachable(`expected ${pattern}`),
      (reason: Error) => reason,
    )
    assert.match(`${(error as Error & { code: string }).code} ${error?.message}`, pattern)
  }
  const f = (): number => assert.unreachable('f was called') as never
  const bad = (options: object, pattern: RegExp) => refused(() => cge(f, theta, options), pattern)
  const badRandom = (options: object, pattern: RegExp) => refused(() => rge(f, theta, options), pattern)
  await bad({ mue: 1 }, /ERR_UNKNOWN_OPTION .*did you mean 'mu'/)
  await bad({ count: 3 }, /ERR_UNKNOWN_OPTION .*'count'/)
  await bad({ mu: 0 }, /options\.mu: expected a finite number above 0, received 0/)
  await bad({ mu: 1e-9 }, /options\.mu: expected a step that changes θ at index 0 when rounded to float32/)
  await bad({ mu: 1e39 }, /options\.mu: expected a step that changes/)
  await bad({ scheme: 'both' }, /options\.scheme/)
  await bad({ value: Number.NaN }, /options\.value/)
  await bad({ coordinates: [] }, /options\.coordinates: expected at least one index/)
  await bad({ coordinates: [1, 3] }, /options\.coordinates\[1\]: expected an integer from 0 to 2, received 3/)
  await bad({ coordinates: [1, 1] }, /options\.coordinates: expected every index once, received 1 twice/)
  await bad({ coordinates: 'all' }, /options\.coordinates: expected a Uint32Array/)
  await bad({ coordinates: [0], blocks: [{ offset: 1, size: 1 }] }, /inside options\.blocks/)
  await bad({ blocks: [] }, /options\.blocks: expected an array/)
  await bad(
    { blocks: [{ offset: 1, size: 3 }] },
    /options\.blocks\[0\]\.size: expected an integer from 1 to 2/,
  )
  await bad(
    {
      blocks: [
        { offset: 1, size: 2 },
        { offset: 0, size: 2 },
      ],
    },
    /options\.blocks: expected blocks that do not overlap, received two that hold index 1/,
  )
  await badRandom({ count: 0 }, /options\.count/)
  await badRandom({ directions: 'spere' }, /options\.directions: .*did you mean 'sphere'/)
  await badRandom({ directions: 'tensor' }, /options\.blocks: expected the tensors of θ/)
  await badRandom({ count: 1, value: 0, mu: 1e-12 }, /a step that changes θ at direction 0/)
  await refused(
    () => cge(f, [1] as never),
    /theta: expected a Float32Array or Float64Array that is not empty/,
  )
  await refused(() => cge(f, new Float64Array(0)), /theta: expected/)
  await refused(() => cge(f, Float64Array.of(1, Number.NaN)), /ERR_NOT_FINITE theta\[1\]/)
  await refused(() => cge(null as never, theta), /f: expected a function, received null/)
})

test.run()
