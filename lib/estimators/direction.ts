/**
 * Random directions u in the space of the active coordinates; u is 0 at all others.
 *
 *     gaussian     u = v,  v_i normal
 *     rademacher   u = v,  v_i = ±1
 *     sphere       u = v/‖v‖,  v_i normal: uniform on the unit sphere
 *     tensor       as sphere, but each block's active part by itself is a unit vector
 *
 * v_i is made of number i of the sequence (seed, purpose `directions`, stream = index of the direction), whatever the
 * active set: a normal number, or +1 where the top bit of word i is 0 and −1 where it is 1. Norms are sums in float64,
 * in order of the indices; u_i is v_i/‖v‖ rounded to float32.
 */
import { Purpose, type RandomKey, randomNormal, randomWords } from '../random.ts'
import type { ActiveSet } from './active-set.ts'

export const directionKinds = ['sphere', 'tensor', 'gaussian', 'rademacher'] as const

/** How the directions of a randomised estimate are distributed: docs/random.md. */
export type DirectionKind = (typeof directionKinds)[number]

/** Numbers that are drawn at a time; does not change what is drawn. */
const CHUNK = 4096

/** Direction `index` (mod 2^32 the stream) of a seed: one component per active coordinate. */
export function direction(kind: DirectionKind, seed: number, index: number, active: ActiveSet): Float32Array {
  const { indices, bounds } = active
  const key = { seed, purpose: Purpose.directions, stream: index % 2 ** 32 }
  const count = indices.length
  if (kind === 'rademacher') {
    return Float32Array.from(numbersAt(randomWords, key, indices, new Uint32Array(count)), signOf)
  }
  const v = numbersAt(randomNormal, key, indices, new Float32Array(count))
  if (kind === 'sphere') normalise(v, 0, count)
  if (kind === 'tensor') for (let b = 0; b + 1 < bounds.length; ++b) normalise(v, bounds[b]!, bounds[b + 1]!)
  return v
}

const signOf = (word: number): number => (word < 2 ** 31 ? 1 : -1)

/** Puts number i of a sequence for each i of `indices` into `out`; draws in stretches that pass over the gaps. */
function numbersAt<N extends Float32Array | Uint32Array>(
  draw: (key: RandomKey, count: number, offset: number) => N,
  key: RandomKey,
  indices: Uint32Array,
  out: N,
): N {
  const end = indices.at(-1)! + 1
  for (let k = 0; k < indices.length; ) {
    const first = indices[k]!
    const drawn = draw(key, Math.min(CHUNK, end - first), first)
    for (; k < indices.length && indices[k]! < first + drawn.length; ++k) out[k] = drawn[indices[k]! - first]!
  }
  return out
}

/** Makes v[begin … end − 1] a unit vector. */
function normalise(v: Float32Array, begin: number, end: number): void {
  let squares = 0
  for (let k = begin; k < end; ++k) squares += v[k]! * v[k]!
  const norm = Math.sqrt(squares)
  for (let k = begin; k < end; ++k) v[k] = v[k]! / norm
}
