/**
 * Difference propagation against two full float64 passes on random networks of 3 to 12 ops: convolutions 1×1, 3×3 and
 * 5×5 with strides, paddings and biases, batch norm, ReLU and leaky ReLU, sigmoid, tanh, pooling, upsampling, sums and
 * concatenations of branches, option-A shortcuts, a linear layer with or without global average pooling; both losses,
 * both statistics, both schemes, with and without label smoothing, on each instruction set of this machine.
 *
 * fast-check draws a fresh seed in each run and prints it with the smallest network that fails.
 */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Batch } from '../lib/batch.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { native } from '../lib/native.ts'
import { Purpose, randomWords } from '../lib/random.ts'
import { createSession, type Session } from '../lib/session.ts'
import type { DifferencesOptions } from '../lib/session-options.ts'
import { batchFor, firstDifference, someCoordinates } from './fixtures/drawn-call.ts'
import { withIsa } from './fixtures/isa.ts'
import { buildRandomNetwork, type RandomNetwork, randomNetwork } from './fixtures/random-networks.ts'

/** Networks of one run; each is compared 8 times per instruction set. */
const GRAPHS = 100
/** Coordinates of each parameter tensor. */
const EACH = 4
/** Relative error in the 2-norm: float32 differences against float64 at the same mu. */
const tolerances = [
  { mu: 5e-3, tolerance: 1e-4 },
  { mu: 1e-4, tolerance: 1e-3 },
]
/** Below this, rounding of float32 base features (1e-7) comes near the tolerance; see `smallestVariance`. */
const WELL_CONDITIONED = 1e-2
/** Of the running statistics, the builder's. */
const MOMENTUM = 0.1

const sameBits = (a: Float32Array, b: Float32Array): boolean => firstDifference(a, b) < 0

/**
 * How badly batch norm multiplies float32 rounding of the base features when it normalises with the batch: the
 * smallest variance of a channel over the largest mean square of its layer (a constant channel, of variance 0, is
 * exact). Combinations of channels that cancel, and few values, make it as good as 0.
 */
async function smallestVariance(session: Session, batch: Batch): Promise<number> {
  const { layout, spec, buffers } = session.network
  session.setBuffers(new Float32Array(layout.bufferCount))
  await session.forward(batch, { statistics: 'batch', updateRunning: true })
  const moved = session.getBuffers()
  session.setBuffers(buffers)
  let smallest = 1
  for (const { name } of spec.ops.filter(({ op }) => op === 'batchNorm2d')) {
    const [means, variances] = (['running_mean', 'running_var'] as const).map((role) => {
      const { offset, size } = layout.buffers.find((info) => info.op === name && info.role === role)!
      return moved.subarray(offset, offset + size).map((value) => value / MOMENTUM)
    }) as [Float32Array, Float32Array]
    const largest = Math.max(...variances.map((variance, i) => variance + means[i]! ** 2))
    for (const variance of variances) if (variance > 0) smallest = Math.min(smallest, variance / largest)
  }
  return smallest
}

/** Draws of `float32Ambiguity`. */
const NUDGES = 16

/** Every value moved to the next float32 on one side or the other (0 is left alone). */
function nudged(values: Float32Array, seed: number, stream: number): Float32Array {
  const moved = values.slice()
  const integers = new Int32Array(moved.buffer)
  const words = randomWords({ seed, purpose: Purpose.syntheticData, stream }, moved.length)
  moved.forEach((value, i) => {
    if (value !== 0) integers[i]! += (words[i]! & 1) * 2 - 1
  })
  return moved
}

/**
 * How far the exact (float64) estimates themselves move when weights and input change in their last float32 bit, the
 * largest of several draws. Where an element stands just at a switch of a ReLU or a maximum, rounding of float32 base
 * features decides on which side it falls, and no float32 method can be closer than this.
 */
async function float32Ambiguity(
  session: Session,
  batch: ReturnType<typeof batchFor>,
  coordinates: Uint32Array,
  options: DifferencesOptions,
  exact: Float32Array,
  seed: number,
): Promise<number> {
  let most = 0
  for (let draw = 0; draw < NUDGES; ++draw) {
    const moved = { ...batch, input: nudged(batch.input, seed, 100 + draw) }
    session.setParameters(nudged(session.network.parameters, seed, 200 + draw))
    const { values } = await session.differences(moved, coordinates, { ...options, method: 'two-pass-f64' })
    most = Math.max(most, relativeError(values, exact))
  }
  session.setParameters(session.network.parameters)
  return most
}

const sets = native.instructionSets()
const counts = {
  illConditioned: 0,
  ambiguous: 0,
  graphs: new Set<string>(),
  comparisons: 0,
  shapes: new Set<string>(),
  worst: new Map<number, number>(),
}

async function compare(drawn: RandomNetwork): Promise<void> {
  const network = buildRandomNetwork(drawn)
  const batch = batchFor(network, drawn.images, drawn.seed)
  const coordinates = someCoordinates(network, EACH, drawn.seed)
  let wellConditioned: boolean | undefined
  const oracles = new Map<string, Float32Array>()
  for (const isa of sets) {
    using session = await withIsa(isa, () => createSession(network, { device: 'cpu', threads: 2 }))
    assert.is(session.device.isa, isa)
    wellConditioned ??= (await smallestVariance(session, batch)) >= WELL_CONDITIONED
    for (const statistics of wellConditioned ? (['batch', 'running'] as const) : (['running'] as const))
      for (const scheme of ['forward', 'central'] as const)
        for (const { mu, tolerance } of tolerances) {
          const labelSmoothing = drawn.loss === 'crossEntropy' ? drawn.labelSmoothing : 0
          const options = { mu, scheme, statistics, labelSmoothing }
          const key = JSON.stringify(options)
          const { values } = await session.differences(batch, coordinates, options)
          let expected = oracles.get(key)
          if (!expected) {
            const oracle = await session.differences(batch, coordinates, {
              ...options,
              method: 'two-pass-f64',
            })
            expected = oracle.values
            oracles.set(key, expected)
          }
          const error = relativeError(values, expected)
          counts.worst.set(mu, Math.max(counts.worst.get(mu) ?? 0, error))
          // A rounding of base features is up to some ulps where a nudge is one: four times is allowed.
          let allowed = tolerance
          if (error > tolerance) {
            counts.ambiguous += 1
            allowed = 4 * (await float32Ambiguity(session, batch, coordinates, options, expected, drawn.seed))
          }
          assert.ok(
            error <= allowed,
            `${isa} ${key}: relative error ${error} beyond ${allowed}\n${JSON.stringify(network.spec.ops)}`,
          )
          // All zeros would be compared with nothing.
          if (expected.some((value) => value !== 0)) counts.comparisons += 1
        }
    assert.ok(sameBits(session.getParameters(), network.parameters), `${isa}: the weights changed`)
    assert.ok(sameBits(session.getBuffers(), network.buffers), `${isa}: the running statistics changed`)
  }
  if (!wellConditioned) counts.illConditioned += 1
  counts.graphs.add(JSON.stringify([network.spec, drawn.seed]))
  for (const { op } of network.spec.ops) counts.shapes.add(op)
  assert.ok(network.spec.ops.length >= 3 && network.spec.ops.length <= 12)
}

test('random graphs agree with two float64 passes, and the weights come back', async () => {
  await fc.assert(fc.asyncProperty(randomNetwork, compare), { numRuns: GRAPHS })
})

test('there were graphs to compare, of every op', () => {
  const worst = [...counts.worst].map(([mu, error]) => `${error.toExponential(1)} at mu ${mu}`).join(', ')
  console.log(
    `compared ${counts.graphs.size} graphs, ${counts.comparisons} times, on ${sets.join(', ')}; largest error ${worst}; with running statistics only, for a variance near 0: ${counts.illConditioned}`,
  )
  assert.ok(counts.graphs.size > 0 && counts.comparisons > 0, 'no graph was compared')
  assert.ok(
    counts.ambiguous <= counts.comparisons / 50,
    `${counts.ambiguous} comparisons judged by last-bit changes of weights and input`,
  )
  assert.ok(counts.illConditioned < counts.graphs.size / 2, 'most graphs were left out with batch statistics')
  assert.is(counts.shapes.size, 14, `ops seen: ${[...counts.shapes].join(', ')}`)
})

test.run()
