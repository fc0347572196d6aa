/**
 * What a step's estimate looks like, layer by layer (a layer is a parameter tensor): over the coordinates queried, the
 * mean, the root mean square, the largest magnitude and a histogram. Of the estimate as it came, before clipping.
 *
 * Buckets are the same for every estimate, so that histograms of steps, layers and runs can be added. With B = 2·K + 1
 * buckets and K = 32, bucket K holds |g| < 2⁻²⁴ with 0; bucket K + 1 + k holds g in [2^(k−24), 2^(k−23)), and bucket
 * K − 1 − k the same of −g. The outermost take everything beyond 2⁸.
 */
import type { NetworkLayout } from '../native.ts'

/** Exponent of the least magnitude that is told from 0, and how many powers of two there are. */
const LEAST = -24
const POWERS = 32

/** The 65 buckets of a histogram. */
export const HISTOGRAM_BUCKETS = 2 * POWERS + 1

/** Lower bounds of the buckets, in order; a bucket ends where the next begins, the last at infinity. */
export const histogramBounds: readonly number[] = [
  -Infinity,
  ...Array.from({ length: POWERS - 1 }, (_, i) => -(2 ** (LEAST + POWERS - 1 - i))),
  -(2 ** LEAST),
  ...Array.from({ length: POWERS }, (_, k) => 2 ** (LEAST + k)),
]

/** The estimate of one parameter tensor in numbers. */
export interface LayerStatistics {
  /** Of the parameter tensor. */
  readonly name: string
  /** How many of its coordinates the step queried. */
  readonly coordinates: number
  /** Mean over those; 0 where there are none. */
  readonly mean: number
  /** Root mean square over those; 0 where there are none. */
  readonly rms: number
  /** Largest magnitude among those; 0 where there are none. */
  readonly max: number
  /** Counts by bucket (`histogramBounds`). */
  readonly histogram: readonly number[]
}

/** The power of two below a magnitude, ⌊log₂ x⌋, from the bits of the float32; −127 for 0 and subnormal numbers. */
const single = new Float32Array(1)
const word = new Uint32Array(single.buffer)
function exponent(magnitude: number): number {
  single[0] = magnitude
  return (word[0]! >>> 23) - 127
}

function bucketOf(value: number): number {
  const k = Math.min(POWERS - 1, exponent(Math.abs(value)) - LEAST)
  if (k < 0) return POWERS
  return value < 0 ? POWERS - 1 - k : POWERS + 1 + k
}

/**
 * Statistics of each parameter tensor.
 * @param gradient flat
 * @param active the coordinates that were queried, sorted
 */
export function layerStatistics(
  { parameters }: NetworkLayout,
  gradient: Float32Array,
  active: Uint32Array,
): LayerStatistics[] {
  let i = 0
  return parameters.map(({ name, offset, size }) => {
    const histogram = new Array<number>(HISTOGRAM_BUCKETS).fill(0)
    let [coordinates, sum, squares, max] = [0, 0, 0, 0]
    for (; i < active.length && active[i]! < offset + size; i++) {
      const value = gradient[active[i]!]!
      coordinates += 1
      sum += value
      squares += value * value
      max = Math.max(max, Math.abs(value))
      histogram[bucketOf(value)]! += 1
    }
    const count = Math.max(1, coordinates)
    return { name, coordinates, mean: sum / count, rms: Math.sqrt(squares / count), max, histogram }
  })
}

/** ‖g‖₂, summed in float64 in the order of the coordinates. */
export function gradientNorm(gradient: Float32Array, active: Uint32Array): number {
  let sum = 0
  for (const i of active) sum += gradient[i]! * gradient[i]!
  return Math.sqrt(sum)
}
