/**
 * Random numbers: Philox4x32-10, counter-based (`engine/random/philox.h`, `docs/random.md`). A sequence is named by a
 * seed, a purpose and a stream; any number of it can be had without those before it. The same seed gives the same
 * numbers on every platform.
 */
import { refusal, requireInteger } from './check.ts'
import { native } from './native.ts'

/** What numbers are drawn for; sequences of two purposes never meet. */
export const Purpose = {
  initialisation: 1,
  shuffle: 2,
  augmentation: 3,
  coordinates: 4,
  syntheticData: 5,
  directions: 6,
} as const

export type Purpose = (typeof Purpose)[keyof typeof Purpose]

/** Names one sequence. The seed is an integer from 0 to 2^53 − 1, the stream one from 0 to 2^32 − 1. */
export interface RandomKey {
  /** Chooses among all sequences of a purpose and stream. */
  readonly seed: number
  /** What the numbers are for. */
  readonly purpose: Purpose
  /** Chooses among the sequences of a purpose: an epoch, a step, a tensor. */
  readonly stream?: number | undefined
}

function checked({ seed, purpose, stream = 0 }: RandomKey, offset: number): [number, number, number, number] {
  requireInteger('seed', seed, { min: 0, max: Number.MAX_SAFE_INTEGER })
  requireInteger('purpose', purpose, { min: 0, max: 2 ** 32 - 1 })
  requireInteger('stream', stream, { min: 0, max: 2 ** 32 - 1 })
  requireInteger('offset', offset, { min: 0, max: Number.MAX_SAFE_INTEGER })
  return [seed, purpose, stream, offset]
}

/** Uniform 32-bit words offset, offset + 1, … of a sequence. `count` is a length, or the array to fill. */
export function randomWords(key: RandomKey, count: number | Uint32Array, offset = 0): Uint32Array {
  const out = typeof count === 'number' ? new Uint32Array(requireInteger('count', count, { min: 0 })) : count
  native.randomWords(...checked(key, offset), out)
  return out
}

/** Standard normal numbers offset, offset + 1, … of a sequence. `count` is a length, or the array to fill. */
export function randomNormal(key: RandomKey, count: number | Float32Array, offset = 0): Float32Array {
  const out = typeof count === 'number' ? new Float32Array(requireInteger('count', count, { min: 0 })) : count
  native.randomNormal(...checked(key, offset), out)
  return out
}

/** Words that are fetched at a time; does not change what is drawn. */
const CHUNK = 1024

/** A reader of one sequence from its word 0 on: integers below n without modulo bias. */
export interface IntegerSource {
  /**
   * A uniform integer from 0 to n − 1, n up to 2^32. Takes words until one is below the largest multiple of n that
   * fits 2^32, and gives that word mod n: every integer is equally likely, and each word is used once.
   */
  below(n: number): number
}

/** Uniform integers from one sequence. */
export function integers(key: RandomKey): IntegerSource {
  let words: Uint32Array = new Uint32Array(0)
  let next = 0
  let offset = 0
  return {
    below(n) {
      requireInteger('n', n, { min: 1, max: 2 ** 32 })
      const limit = 2 ** 32 - (2 ** 32 % n)
      for (;;) {
        if (next === words.length) {
          words = randomWords(key, Math.min(CHUNK, Math.max(16, 2 * words.length)), offset)
          offset += words.length
          next = 0
        }
        const word = words[next++] as number
        if (word < limit) return word % n
      }
    },
  }
}

/** A uniform permutation of 0 … n − 1: Fisher-Yates from the last place down, place i swapped with `below(i + 1)`. */
export function permutation(key: RandomKey, n: number): Uint32Array {
  const out = Uint32Array.from({ length: requireInteger('n', n, { min: 0, max: 2 ** 32 - 1 }) }, (_, i) => i)
  const source = integers(key)
  for (let i = n - 1; i > 0; --i) {
    const j = source.below(i + 1)
    const other = out[j] as number
    out[j] = out[i] as number
    out[i] = other
  }
  return out
}

/**
 * k of the integers 0 … n − 1 without replacement, sorted; every subset is equally likely. Floyd's method
 * (Bentley and Floyd, "A sample of brilliance", 1987): for j = n − k … n − 1 draw t = `below(j + 1)` and take t, or j
 * when t is taken already. Uses k integers of the sequence and memory for k, whatever n.
 */
export function sample(key: RandomKey, n: number, k: number): Uint32Array {
  requireInteger('n', n, { min: 0, max: 2 ** 32 - 1 })
  if (!(Number.isInteger(k) && k >= 0 && k <= n)) throw refusal('k', `an integer from 0 to n = ${n}`, k)
  const source = integers(key)
  const taken = new Set<number>()
  for (let j = n - k; j < n; ++j) {
    const t = source.below(j + 1)
    taken.add(taken.has(t) ? j : t)
  }
  return Uint32Array.from(taken).sort()
}
