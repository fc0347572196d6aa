/**
 * How far each estimator's result points along the true gradient g of a reference: the cosine
 *
 *     cos(ĝ, g) = ĝ·g / (‖ĝ‖·‖g‖)
 *
 * of CGE over the coordinates that the reference lists, and of RGE with q directions, once in all parameters and once
 * in the convolution and linear weights alone, beside what theory expects. CGE is exact but for truncation. Of RGE the
 * part along g is E[(u·g)²]/‖g‖, and the rest is the noise of q samples:
 *
 *     sphere, gaussian, rademacher in d parameters       √(q / (q + d))
 *     tensor, in T tensors t of d_t parameters each      A / (‖g‖·√(A·T/q + B)),  A = Σ ‖g_t‖²/d_t,  B = Σ ‖g_t‖²/d_t²
 *
 * A sample of q directions scatters around that by a share of about 1/√(2q), as the sum of q squares does.
 */
import { checkOptions } from '../check.ts'
import { type DirectionKind, directionKinds } from '../estimators/direction.ts'
import { isLayerWeight } from '../networks/initialise.ts'
import { DEFAULT_MU } from '../schedules/smoothing.ts'
import { createSession } from '../session.ts'
import { randomDifferencesShape, settled } from '../session-options.ts'
import type { Numbers } from './compare.ts'
import { type CheckOptions, checkShape, toleranceOf } from './gradcheck.ts'
import { inSequence } from './in-sequence.ts'
import type { Reference } from './reference.ts'

/** One estimator beside the true gradient. */
export interface CosineLine {
  /** Its name, with its settings. */
  readonly estimator: string
  /** What is compared: `listed coordinates`, `all parameters`, `conv and linear weights`. */
  readonly over: string
  /** Cosine of the angle between estimate and gradient. */
  readonly cosine: number
  /** What theory expects of it. */
  readonly expected: number
  /** The cosine is accepted from here … */
  readonly least: number
  /** … to here. */
  readonly most: number
  /** Whether the cosine lies where theory puts it. */
  readonly passed: boolean
}

/** Options of `estimatorCosines`: those of gradient checks; μ is that of all estimators. */
export interface CosineOptions extends CheckOptions {
  /** Directions of each RGE. */
  readonly queries?: number | undefined
  /** Of the directions. */
  readonly seed?: number | undefined
}

/** What the published experiments use (paper, section 4). */
export const cosineDefaults = { queries: 192, mu: DEFAULT_MU, seed: 1 } as const

const cosineShape = {
  ...checkShape,
  queries: randomDifferencesShape.count,
  seed: randomDifferencesShape.seed,
}

/** Beyond that, at a large μ, a finite difference is no estimate of the gradient any more. */
const MOST_ERROR = 0.1
/** Sampling deviations that a cosine of RGE may be away from the expected one. */
const DEVIATIONS = 4

/** ĝ·g / (‖ĝ‖·‖g‖) over some indices; NaN where one of them is 0. */
export function cosine(a: Numbers, b: Numbers, indices: Iterable<number>): number {
  let [product, normA, normB] = [0, 0, 0]
  for (const i of indices) {
    product += a[i]! * b[i]!
    normA += a[i]! ** 2
    normB += b[i]! ** 2
  }
  return product / Math.sqrt(normA * normB)
}

interface Part {
  readonly name: string
  readonly tensors: Reference['network']['layout']['parameters']
  readonly indices: Uint32Array
}

function partOf(name: string, tensors: Part['tensors']): Part {
  const indices = tensors.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i))
  return { name, tensors, indices: Uint32Array.from(indices) }
}

/** The expected cosine of RGE in the tensors of a part; the true gradient counts for `tensor` only. */
function expectedCosine(
  directions: DirectionKind,
  gradient: Float64Array,
  { tensors }: Part,
  q: number,
): number {
  let [a, b, norm, d] = [0, 0, 0, 0]
  for (const { offset, size } of tensors) {
    const square = gradient.subarray(offset, offset + size).reduce((sum, g) => sum + g * g, 0)
    a += square / size
    b += square / size ** 2
    norm += square
    d += size
  }
  if (directions !== 'tensor') return Math.sqrt(q / (q + d))
  return a / Math.sqrt(norm * ((a * tensors.length) / q + b))
}

/** Cosines of every estimator's result to a reference's true gradient. */
export async function estimatorCosines(
  reference: Reference,
  options: CosineOptions = {},
): Promise<CosineLine[]> {
  checkOptions(options, cosineShape)
  const { queries, mu, seed } = settled(options, cosineDefaults)
  const { method, precision, device, devices, threads, signal } = options
  const { network, batch, coordinates, gradient } = reference
  const { parameters } = network.layout
  const parts = [
    partOf('all parameters', parameters),
    partOf('conv and linear weights', parameters.filter(isLayerWeight)),
  ]
  const directed = directionKinds.length * parts.length * queries
  const progress = inSequence(options.onProgress, coordinates.length + directed)
  const session = createSession(network, { device, devices, threads, precision })
  try {
    const common = { mu, method, statistics: 'batch', signal } as const
    const { values } = await session.differences(batch, coordinates, {
      ...common,
      onProgress: progress(coordinates.length),
    })
    const there = Float64Array.from(coordinates, (i) => gradient[i]!)
    const cge = cosine(values, there, coordinates.keys())
    // An estimate within a relative error ε is within an angle of sine ε.
    const error = Math.min(MOST_ERROR, toleranceOf(session, options).gradient(mu))
    const leastOfCge = Math.sqrt(1 - error ** 2)
    const lines: CosineLine[] = [
      {
        estimator: 'CGE',
        over: `${coordinates.length} listed coordinates`,
        cosine: cge,
        expected: 1,
        least: leastOfCge,
        most: 1 + 1e-9,
        passed: cge >= leastOfCge,
      },
    ]
    for (const directions of directionKinds) {
      for (const part of parts) {
        const estimate = await session.randomDifferences(batch, {
          ...common,
          count: queries,
          seed,
          directions,
          coordinates: part.indices,
          onProgress: progress(queries),
        })
        const expected = expectedCosine(directions, gradient, part, queries)
        const slack = (DEVIATIONS * expected) / Math.sqrt(2 * queries)
        const found = cosine(estimate.gradient, gradient, part.indices)
        const [least, most] = [expected - slack, expected + slack]
        lines.push({
          estimator: `RGE ${directions}, q = ${queries}`,
          over: part.name,
          cosine: found,
          expected,
          least,
          most,
          passed: found >= least && found <= most,
        })
      }
    }
    return lines
  } finally {
    session.dispose()
  }
}
