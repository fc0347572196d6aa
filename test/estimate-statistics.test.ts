// Statistics of estimates: the buckets, sums over layers, and when training records them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniformSparsity } from '../lib/coordinates.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import {
  gradientNorm,
  HISTOGRAM_BUCKETS,
  histogramBounds,
  layerStatistics,
} from '../lib/training/estimate-statistics.ts'
import type { EstimatesEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const network = networkByName('cnn-1x3', { seed: 5 })
const { layout } = network
const first = layout.parameters[0]!

/** The bucket of one value, as its only coordinate. */
function bucketOf(value: number): number {
  const gradient = new Float32Array(layout.parameterCount)
  gradient[first.offset] = value
  const [layer] = layerStatistics(layout, gradient, Uint32Array.of(first.offset))
  assert.is(layer!.histogram.length, HISTOGRAM_BUCKETS)
  assert.is(layer!.coordinates, 1)
  return layer!.histogram.indexOf(1)
}

test('buckets: one of all, between its bounds, and mirrored for negative values', () => {
  assert.is(histogramBounds.length, HISTOGRAM_BUCKETS)
  assert.ok(histogramBounds.every((bound, i) => i === 0 || bound > histogramBounds[i - 1]!))
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const magnitude = Math.abs(value)
      const bucket = bucketOf(magnitude)
      const middle = (HISTOGRAM_BUCKETS - 1) / 2
      if (bucket === middle) assert.ok(magnitude < histogramBounds[middle + 1]!)
      else {
        assert.ok(magnitude >= histogramBounds[bucket]!)
        assert.ok(magnitude < (histogramBounds[bucket + 1] ?? Infinity))
      }
      assert.is(bucketOf(-magnitude), 2 * middle - bucket)
    }),
    { numRuns: 500 },
  )
  assert.is(bucketOf(0), 32)
  assert.is(bucketOf(2 ** -24), 33)
  assert.is(bucketOf(Math.fround(2 ** -24 * (1 - 2 ** -24))), 32)
  assert.is(bucketOf(3e38), 64)
  assert.is(bucketOf(-3e38), 0)
  assert.is(bucketOf(1e-40), 32)
})

test('layers: only what was queried counts, and together they make the norm', () => {
  const active = uniformSparsity(layout, 0.7, { seed: 3, draw: 0 })
  // What lies outside the active set is not looked at.
  const gradient = Float32Array.from({ length: layout.parameterCount }, (_, i) => Math.sin(i) * 2 ** (i % 9))
  const layers = layerStatistics(layout, gradient, active)
  assert.equal(
    layers.map(({ name }) => name),
    layout.parameters.map(({ name }) => name),
  )
  layers.forEach((layer, i) => {
    const { offset, size } = layout.parameters[i]!
    const values = [...active].filter((c) => c >= offset && c < offset + size).map((c) => gradient[c]!)
    assert.is(layer.coordinates, values.length)
    assert.is(layer.max, Math.max(...values.map(Math.abs)))
    const rms = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)
    // The same sums in the same order.
    assert.is(layer.rms, rms)
    assert.is(layer.mean, values.reduce((sum, x) => sum + x, 0) / values.length)
    assert.is(
      layer.histogram.reduce((sum, n) => sum + n, 0),
      values.length,
    )
  })
  const squares = layers.reduce((sum, { rms, coordinates }) => sum + rms * rms * coordinates, 0)
  const norm = gradientNorm(gradient, active)
  // A few roundings of float64.
  assert.ok(Math.abs(norm - Math.sqrt(squares)) <= 1e-12 * norm)
})

test('a layer without coordinates has zeros, no NaN', () => {
  const layers = layerStatistics(layout, new Float32Array(layout.parameterCount), new Uint32Array())
  for (const { coordinates, mean, rms, max, histogram } of layers) {
    assert.equal([coordinates, mean, rms, max], [0, 0, 0, 0])
    assert.ok(histogram.every((n) => n === 0))
  }
})

const data = builtin({ train: 60, test: 20 })
const tiny = { epochs: 2, batchSize: 20, lr: 0.05, augment: false, threads: 1 } as const

async function all(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...tiny, ...options })) events.push(event)
  return events
}
const estimates = (events: TrainEvent[]): EstimatesEvent[] =>
  events.filter((event) => event.type === 'estimates')

test('training: one record in the first step of each epoch, or every so many steps, behind the step', async () => {
  const events = await all({})
  assert.equal(
    estimates(events).map(({ step, epoch }) => [step, epoch]),
    [
      [1, 1],
      [4, 2],
    ],
  )
  events.forEach((event, i) => {
    if (event.type !== 'estimates') return
    assert.is(events[i - 1]!.type, 'step')
    assert.is((events[i - 1] as StepEvent).step, event.step)
  })
  assert.equal(
    estimates(await all({ estimatesEverySteps: 4 })).map(({ step }) => step),
    [1, 5],
  )
})

test('the record is that of the estimate before clipping; the file has it', async () => {
  const run = join(mkdtempSync(join(tmpdir(), 'deepzero-statistics-')), 'run')
  const settings = { batchSize: 60, clipNorm: 1e-3, sparsity: 0.5 }
  const events = await all({ ...settings, epochs: 1, run })
  const { batches } = await import('../lib/data/batches.ts')
  const [batch] = batches(data.train, { batchSize: 60, seed: 1, epoch: 0, shuffle: true })
  const { gradient, coordinates } = await estimateGradient(network, batch!, { sparsity: 0.5 })
  const [record] = estimates(events)
  assert.equal(record!.layers, layerStatistics(layout, gradient, coordinates))
  const step = events.find((event) => event.type === 'step')!
  assert.is(step.gradientNorm, gradientNorm(gradient, coordinates))
  assert.ok(step.gradientNorm > 1e-3)
  assert.equal(readMetrics(run)[1], JSON.parse(JSON.stringify(record)))
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
  assert.equal(config.sizes, {
    parameters: layout.parameterCount,
    coordinates: coordinates.length,
    trainImages: 60,
    testImages: 20,
    stepsPerEpoch: 1,
  })
  assert.equal(config.classes, data.train.classes)
  assert.is(config.machine.threads, 1)
  rmSync(join(run, '..'), { recursive: true })
})

test.run()
