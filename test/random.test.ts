/** Random numbers: known values, independence of how they are fetched, uniform choices. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { integers, Purpose, permutation, randomNormal, randomWords, sample } from '../lib/random.ts'

const key = { seed: 11, purpose: Purpose.shuffle, stream: 3 }

test("Philox4x32-10 gives its authors' known answer for key 0 and counter 0", () => {
  // Random123, kat_vectors: philox4x32 10, counter and key all zero.
  const words = randomWords({ seed: 0, purpose: 0 as Purpose, stream: 0 }, 4)
  assert.equal([...words], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
})

test('a number does not depend on where reading starts', () => {
  const words = randomWords(key, 100)
  const normals = randomNormal(key, 101)
  for (const offset of [1, 2, 3, 4, 37, 99]) {
    assert.equal(randomWords(key, 100 - offset, offset), words.slice(offset))
    assert.equal(randomNormal(key, 101 - offset, offset), normals.slice(offset))
  }
  const out = new Uint32Array(5)
  assert.is(randomWords(key, out), out)
  assert.equal(out, words.slice(0, 5))
})

test('seed, purpose and stream each give another sequence, also beyond 32 bits of seed', () => {
  const first = (changes: object): number => randomWords({ ...key, ...changes }, 1)[0] as number
  const all = [{}, { seed: 12 }, { seed: 11 + 2 ** 40 }, { purpose: Purpose.coordinates }, { stream: 4 }].map(
    first,
  )
  assert.is(new Set(all).size, all.length)
})

test('normal numbers have mean 0, deviation 1 and the right tails', () => {
  const n = 100_000
  const x = randomNormal(key, n)
  const mean = x.reduce((sum, value) => sum + value, 0) / n
  const variance = x.reduce((sum, value) => sum + value * value, 0) / n
  const beyond2 = x.filter((value) => Math.abs(value) > 2).length / n
  // Five standard errors each.
  assert.ok(Math.abs(mean) < 5 / Math.sqrt(n), `${mean}`)
  assert.ok(Math.abs(variance - 1) < 5 * Math.sqrt(2 / n), `${variance}`)
  assert.ok(Math.abs(beyond2 - 0.0455) < 5 * Math.sqrt((0.0455 * 0.9545) / n), `${beyond2}`)
})

test('integers below n are uniform, for an n that 2^32 does not divide by', () => {
  const source = integers(key)
  const n = 7
  const draws = 70_000
  const counts = new Array<number>(n).fill(0)
  for (let i = 0; i < draws; ++i) counts[source.below(n)]! += 1
  const chi2 = counts.reduce((sum, count) => sum + (count - draws / n) ** 2 / (draws / n), 0)
  // 6 degrees of freedom: 30 is a one in 25,000 event.
  assert.ok(chi2 < 30, `${chi2} ${counts}`)
})

test('words at or above the largest multiple of n are passed over', () => {
  // With n just above 2^31, almost every second word is.
  const n = 2 ** 31 + 1
  const source = integers(key)
  const drawn = Array.from({ length: 50 }, () => source.below(n))
  const kept = [...randomWords(key, 500)].filter((word) => word < n)
  assert.equal(drawn, kept.slice(0, 50))
  assert.is(integers(key).below(2 ** 32), randomWords(key, 1)[0])
  assert.is(integers(key).below(1), 0)
})

test('a permutation holds every number once, and all orders occur', () => {
  const p = permutation(key, 1000)
  assert.equal(
    [...p].sort((a, b) => a - b),
    [...Array(1000).keys()],
  )
  assert.equal(permutation(key, 1000), p)
  const orders = new Map<string, number>()
  for (let stream = 0; stream < 6000; ++stream) {
    const order = permutation({ ...key, stream }, 3).join()
    orders.set(order, (orders.get(order) ?? 0) + 1)
  }
  assert.is(orders.size, 6)
  const chi2 = [...orders.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
  // 5 degrees of freedom.
  assert.ok(chi2 < 28, `${chi2}`)
  assert.equal(permutation(key, 0), new Uint32Array(0))
})

test('a sample is sorted, without repetition, and every subset occurs', () => {
  for (const [n, k] of [
    [10, 0],
    [10, 10],
    [1000, 37],
    [1, 1],
  ] as const) {
    const drawn = sample(key, n, k)
    assert.is(drawn.length, k)
    assert.ok(drawn.every((value, i) => value < n && (i === 0 || value > (drawn[i - 1] as number))))
  }
  const subsets = new Map<string, number>()
  for (let stream = 0; stream < 10_000; ++stream) {
    const subset = sample({ ...key, stream }, 5, 2).join()
    subsets.set(subset, (subsets.get(subset) ?? 0) + 1)
  }
  assert.is(subsets.size, 10)
  const chi2 = [...subsets.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
  // 9 degrees of freedom.
  assert.ok(chi2 < 36, `${chi2}`)
})

test('bad arguments are refused', () => {
  assert.throws(() => randomWords({ ...key, seed: -1 }, 1), /seed: expected an integer/)
  assert.throws(() => randomWords({ ...key, seed: 2 ** 53 }, 1), /seed/)
  assert.throws(() => randomNormal({ ...key, stream: 2 ** 32 }, 1), /stream/)
  assert.throws(() => randomWords(key, -1), /count/)
  assert.throws(() => integers(key).below(0), /n: expected/)
  assert.throws(() => sample(key, 3, 4), /k: expected an integer from 0 to n = 3, received 4/)
})

test.run()
