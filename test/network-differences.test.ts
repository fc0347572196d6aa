/**
 * Difference propagation against two full float64 passes on the networks that have names: ResNet-18 with its 1×1
 * shortcuts, DnCNN and the convolutional regression network, on small images that a plain pass can afford; coordinates of
 * the first, the last and some layers between, random directions of all parameters, both statistics.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Batch } from '../lib/batch.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { convRegression } from '../lib/networks/conv-regression.ts'
import { dncnn } from '../lib/networks/dncnn.ts'
import type { Network } from '../lib/networks/network.ts'
import { resnet18 } from '../lib/networks/resnet18.ts'
import { Purpose, randomNormal, sample } from '../lib/random.ts'
import { createSession } from '../lib/session.ts'
import type { DifferencesOptions } from '../lib/session-options.ts'

const key = (stream: number) => ({ seed: 5, purpose: Purpose.syntheticData, stream })

function batchOf({ spec, layout }: Network, count: number): Batch {
  const input = randomNormal(
    key(0),
    spec.input.reduce((a, b) => a * b, count),
  )
  return spec.loss === 'crossEntropy'
    ? { input, target: Int32Array.from({ length: count }, (_, i) => (3 * i) % layout.outputs) }
    : { input, targets: randomNormal(key(1), count * layout.outputs) }
}

/** One coordinate of each of the tensors whose names match. */
const coordinatesOf = ({ layout }: Network, names: RegExp): Uint32Array =>
  Uint32Array.from(
    layout.parameters
      .filter(({ name }) => names.test(name))
      .map(
        ({ offset, size }, stream) =>
          offset + sample({ seed: 5, purpose: Purpose.coordinates, stream }, size, 1)[0]!,
      ),
  )

interface Case {
  readonly network: Network
  readonly images: number
  /** Tensors that a coordinate is taken of. */
  readonly names: RegExp
  readonly statistics: readonly ('batch' | 'running')[]
}

const MU = 1e-4
/**
 * Relative, in the 2-norm. With a few small images through up to 18 layers, now and then an element stands so near a
 * switch of a ReLU that rounding of the float32 base features decides on its side, and counts for some per mille. A wrong
 * or missing term is of order 1; what single ops and small graphs keep to is in random-graphs.test.ts.
 */
const TOLERANCE = 1e-2
const direction = { count: 3, directions: 'sphere', seed: 3 } as const

async function compare({ network, images, names, statistics }: Case): Promise<void> {
  const batch = batchOf(network, images)
  const coordinates = coordinatesOf(network, names)
  assert.ok(coordinates.length >= 5, 'coordinates to compare')
  using session = createSession(network, { threads: 2 })
  for (const given of statistics)
    for (const [what, estimates] of [
      ['coordinates', (call: DifferencesOptions) => session.differences(batch, coordinates, call)],
      [
        'directions',
        (call: DifferencesOptions) => session.randomDifferences(batch, { ...call, ...direction }),
      ],
    ] as const) {
      const call = { mu: MU, statistics: given }
      const { values } = await estimates(call)
      const expected = (await estimates({ ...call, method: 'two-pass-f64' })).values
      assert.ok(expected.some((value) => value !== 0))
      const error = relativeError(values, expected)
      assert.ok(error <= TOLERANCE, `${network.spec.name} ${given} ${what}: ${error} beyond ${TOLERANCE}`)
    }
}

const cases: Record<string, Case> = {
  'resnet18, all 11,173,962 parameters': {
    network: resnet18({ seed: 2, input: [3, 16, 16] }),
    images: 2,
    names: /^(conv1|layer2\.0\.bn1|layer3\.0\.downsample\.[01]|layer4\.0\.downsample\.0|fc)\.weight$/,
    statistics: ['batch'],
  },
  'dncnn-17x64, all 558,400 parameters': {
    network: dncnn(17, 64, { seed: 3, input: [3, 8, 8] }),
    images: 3,
    names: /^dncnn\.(0\.weight|0\.bias|3\.weight|24\.bias|23\.weight|47\.weight)$/,
    statistics: ['batch', 'running'],
  },
  'regression-12x32, all 260,354 parameters': {
    network: convRegression(12, 32, { seed: 4, input: [3, 9, 7] }),
    images: 2,
    names: /^(first|pairs\.[04]\.conv[12]|last)\.(weight|bias)$/,
    statistics: ['running'],
  },
}

for (const [name, one] of Object.entries(cases))
  test(`${name}: differences agree with two float64 passes`, () => compare(one))

test.run()
