/**
 * Difference propagation against two full float64 passes on the networks that have names: ResNet-18 with its 1×1
 * shortcuts, DnCNN and the convolutional regression network, on small images that a plain pass can afford; coordinates of
 * the first, the last and some layers between, random directions of all parameters, both statistics.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Batch } from '../lib/batch.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { tolerances } from '../lib/gradcheck/tolerances.ts'
import { convRegression } from '../lib/networks/conv-regression.ts'
import { dncnn } from '../lib/networks/dncnn.ts'
import type { Network } from '../lib/networks/network.ts'
import { resnet18 } from '../lib/networks/resnet18.ts'
import { Purpose, randomNormal, sample } from '../lib/random.ts'
import { createSession } from '../lib/session.ts'

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

const { cge: allowed } = tolerances.f32!
/** The smaller one, where float32 passes have lost everything. */
const MUS = [5e-3, 1e-4]

async function compare({ network, images, names, statistics }: Case): Promise<void> {
  const batch = batchOf(network, images)
  const coordinates = coordinatesOf(network, names)
  assert.ok(coordinates.length >= 5, 'coordinates to compare')
  using session = createSession(network, { threads: 2 })
  for (const given of statistics)
    for (const mu of MUS) {
      const call = { mu, statistics: given }
      const exact = { ...call, method: 'two-pass-f64' } as const
      const got = await session.differences(batch, coordinates, call)
      const expected = await session.differences(batch, coordinates, exact)
      assert.ok(expected.values.every((value) => value !== 0))
      const error = relativeError(got.values, expected.values)
      assert.ok(error <= allowed(mu), `${network.spec.name} ${given} at mu ${mu}: ${error}`)
      const directions = { count: 1, directions: 'sphere', seed: 3 } as const
      const along = await session.randomDifferences(batch, { ...call, ...directions })
      const exactly = await session.randomDifferences(batch, { ...exact, ...directions })
      const off = relativeError(along.values, exactly.values)
      assert.ok(off <= allowed(mu), `${network.spec.name} ${given} along a direction at mu ${mu}: ${off}`)
    }
}

const cases: Record<string, Case> = {
  'resnet18, all 11,173,962 parameters': {
    network: resnet18({ seed: 2, input: [3, 8, 8] }),
    images: 6,
    names: /^(conv1|layer1\.1\.bn2|layer2\.0\.downsample\.[01]|layer4\.0\.downsample\.0|fc)\.weight$/,
    statistics: ['running'],
  },
  'resnet18 with batch statistics': {
    network: resnet18({ seed: 2, input: [3, 16, 16] }),
    images: 2,
    names: /^(layer2\.0\.bn1|layer3\.0\.downsample\.[01]|layer4\.0\.downsample\.0|fc)\.weight$/,
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
