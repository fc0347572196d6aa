// Event files of TensorBoard, read by a parser that knows only the published schema.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import { crc32c } from '../lib/tensorboard/crc32c.ts'
import { encodeRecord } from '../lib/tensorboard/record.ts'
import { type MetricsLine, summariesOf } from '../lib/tensorboard/summaries.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { deepzero } from './fixtures/command.ts'
import { rejects } from './fixtures/rejects.ts'
import {
  accumulate,
  decodeEvents,
  type EventHistogram,
  eventFiles,
  readRecords,
  slowCrc32c,
} from './fixtures/tensorboard.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-tensorboard-'))
let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
/** Three steps an epoch. */
const tiny = { epochs: 3, batchSize: 20, lr: 0.05, augment: false, threads: 1, sparsity: 0.5 } as const

/** Trains until a step is done, or to the end. */
async function trainTo(stop: number | null, options: TrainOptions): Promise<void> {
  for await (const event of train(network, data, { ...tiny, ...options })) {
    if (event.type === 'step' && event.step === stop) break
  }
}

/** What TensorBoard has to show of a run, made from its metrics. */
function expected(run: string): Map<string, [number, unknown][]> {
  const shown = new Map<string, [number, unknown][]>()
  const lines = readMetrics(run) as unknown as MetricsLine[]
  for (const line of lines)
    for (const { tag, value } of summariesOf(line))
      if (typeof value === 'number')
        shown.set(tag, [...(shown.get(tag) ?? []), [line.step, Math.fround(value)]])
  return shown
}

const withoutHistograms = (shown: ReturnType<typeof accumulate>): Map<string, [number, unknown][]> =>
  new Map([...shown].filter(([tag]) => !tag.startsWith('estimate/')))

test('CRC-32C: published values, and the definition', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  assert.is(crc32c(bytes('123456789')), 0xe3069283)
  // RFC 3720, appendix B.4.
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.is(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43)
  assert.is(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (data) => crc32c(data) === slowCrc32c(data)))
})

test('records: any bytes come back, and a changed byte is found', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1 }), fc.nat(), (all, at) => {
      const file = Buffer.concat(all.map(encodeRecord))
      assert.equal(
        readRecords(file).map((record) => [...record]),
        all.map((record) => [...record]),
      )
      file[at % file.length]! ^= 1
      assert.throws(() => readRecords(file))
    }),
  )
})

test('a run: every number of its metrics, by step', async () => {
  const run = fresh()
  await trainTo(null, { run, tensorboard: true })
  assert.is(eventFiles(run).length, 1)
  const shown = accumulate(run)
  assert.equal(withoutHistograms(shown), expected(run))
  assert.equal([...withoutHistograms(shown).keys()].sort(), [
    'batch/accuracy',
    'batch/gradient_norm',
    'batch/learning_rate',
    'batch/loss',
    'batch/mu',
    'batch/queries_per_second',
    'epoch/test_accuracy',
    'epoch/test_loss',
    'epoch/train_accuracy',
    'epoch/train_loss',
  ])
  assert.equal(
    shown.get('batch/loss')!.map(([step]) => step),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  assert.equal(
    shown.get('epoch/test_loss')!.map(([step]) => step),
    [3, 6, 9],
  )
})

test('histograms: a tag per layer, whose buckets hold each coordinate once', async () => {
  const run = fresh()
  await trainTo(null, { run, tensorboard: true })
  const shown = accumulate(run)
  const records = readMetrics(run).filter(({ type }) => type === 'estimates') as unknown as {
    step: number
    layers: { name: string; coordinates: number; mean: number; rms: number; max: number }[]
  }[]
  assert.is(records.length, 3)
  assert.equal(
    [...shown.keys()].filter((tag) => tag.startsWith('estimate/')).sort(),
    network.layout.parameters.map(({ name }) => `estimate/${name}`).sort(),
  )
  for (const { step, layers } of records) {
    for (const { name, coordinates, mean, rms, max } of layers) {
      const values = shown.get(`estimate/${name}`)!
      assert.equal(
        values.map(([at]) => at),
        [1, 4, 7],
      )
      const histogram = values.find(([at]) => at === step)![1] as EventHistogram
      assert.is(histogram.num, coordinates)
      assert.is(
        histogram.bucket.reduce((sum, n) => sum + n, 0),
        coordinates,
      )
      assert.is(histogram.bucket.length, histogram.bucketLimit.length)
      assert.ok(histogram.bucket[0]! > 0 && histogram.bucket.at(-1)! > 0)
      histogram.bucketLimit.reduce((before, limit) => {
        assert.ok(limit > before || (limit === before && max === 0), `${limit} behind ${before}`)
        return limit
      }, histogram.min)
      assert.ok(Math.abs(histogram.min) <= max && Math.abs(histogram.max) <= max)
      assert.is(Math.max(-histogram.min, histogram.max), max)
      // The same two products in float64.
      assert.is(histogram.sum, coordinates * mean)
      assert.is(histogram.sumSquares, coordinates * rms * rms)
    }
  }
})

test('resumed at every kind of moment: shown is what an uninterrupted run shows', async () => {
  const run = fresh()
  const options = { run, tensorboard: true, resume: true, checkpointEverySteps: 2 }
  await trainTo(1, options)
  // Before the evaluation of an epoch, inside one, and right behind a checkpoint.
  for (const stop of [3, 5, 6]) await trainTo(stop, options)
  await trainTo(null, options)
  assert.is(eventFiles(run).length, 5)
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
  assert.equal(
    accumulate(run)
      .get('estimate/fc.weight')!
      .map(([step]) => step),
    [1, 4, 7],
  )
})

test('a killed process: what it wrote behind the last checkpoint is forgotten', async () => {
  const run = fresh()
  await trainTo(4, { run, tensorboard: true, resume: true })
  const [first] = eventFiles(run)
  const path = join(run, first!)
  // Steps that the checkpoint does not count, and half a record.
  const bytes = readFileSync(path)
  const records = readRecords(bytes)
  appendFileSync(path, encodeRecord(records.at(-1)!))
  appendFileSync(path, encodeRecord(records.at(-2)!))
  truncateSync(path, bytes.length + records.at(-1)!.length + 16 + 9)
  await trainTo(null, { run, tensorboard: true, resume: true })
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
})

test('switched on later: the first file repeats what the metrics have', async () => {
  const run = fresh()
  await trainTo(4, { run, resume: true })
  assert.is(eventFiles(run).length, 0)
  await trainTo(5, { run, resume: true, tensorboard: true })
  await trainTo(null, { run, resume: true, tensorboard: true })
  assert.is(eventFiles(run).length, 2)
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
  const [version, start] = decodeEvents(readFileSync(join(run, eventFiles(run)[1]!)))
  assert.ok(Math.abs(version!.wallTime - Date.now() / 1000) < 3600)
  assert.equal([start!.sessionLog?.status, start!.step], ['START', 5])
})

test('switched off in between: what was not written then is repeated', async () => {
  const run = fresh()
  await trainTo(3, { run, tensorboard: true })
  await trainTo(5, { run, resume: true })
  await trainTo(7, { run, resume: true, tensorboard: true })
  await trainTo(null, { run, resume: true, tensorboard: true })
  assert.is(eventFiles(run).length, 3)
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
  const starts = eventFiles(run).map((name) => decodeEvents(readFileSync(join(run, name)))[1]!.step)
  assert.equal(starts, [0, 0, 7])
})

test('a directory that holds nothing but event files can be begun anew with resume', async () => {
  const run = fresh()
  await trainTo(1, { run, tensorboard: true })
  for (const name of ['latest', 'checkpoints']) rmSync(join(run, name), { recursive: true })
  await trainTo(null, { run, tensorboard: true, resume: true })
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
})

test('on the command line: recorded, kept by a resume, switched off by a flag', () => {
  const run = fresh()
  const ran = (...args: string[]): void => {
    const { code, err } = deepzero('train', '--run', run, ...args)
    assert.is(code, 0, err)
  }
  const images = ['--train-images', '60', '--test-images', '20', '--batch-size', '20']
  ran('--network', 'cnn-1x3', ...images, '--epochs', '2', '--max-steps', '2', '--tensorboard')
  ran('--resume', '--max-steps', '4')
  assert.is(eventFiles(run).length, 2)
  assert.equal(withoutHistograms(accumulate(run)), expected(run))
  ran('--resume', '--max-steps', '5', '--no-tensorboard')
  assert.is(eventFiles(run).length, 2)
})

test('event files without a run directory are refused', async () => {
  await rejects(
    (async () => trainTo(null, { tensorboard: true }))(),
    'ERR_INVALID_ARGUMENT',
    /options\.tensorboard: expected to be left out unless options\.run is given/,
  )
})

test.after(() => rmSync(folder, { recursive: true }))
test.run()
