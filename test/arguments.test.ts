// Missing and wrong arguments of what the package exports, and files that are not there: always a `DeepZeroError`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as api from '../lib/index.ts'
import { refused } from './fixtures/rejects.ts'

// biome-ignore lint/suspicious/noExplicitAny: what is called here has wrong types
const loose = api as any
const { builtin, cnn, ratioCorrelation, spearman, sources } = api
const network = cnn(1, 2, { classes: 10 })
const data = builtin({ train: 20, test: 20 })
const invalid = (work: () => unknown, ...words: string[]): Promise<void> =>
  refused(work, 'ERR_INVALID_ARGUMENT', ...words)

test('networks and data that are missing or something else', async () => {
  await invalid(() => loose.train(), 'network: expected an object, received undefined')
  await invalid(() => loose.train({}, data), 'network: expected a network')
  await invalid(() => loose.train(network), 'data: expected an object, received undefined')
  await invalid(() => loose.train(network, { train: data.train }), 'data.test: expected an object')
  await invalid(() => loose.train(network, { ...data, shape: undefined }), 'data.shape: expected [3, 32, 32]')
  await invalid(() => loose.prune(), 'network: expected an object')
  await invalid(() => loose.prune(network), 'dataset: expected an object')
  await invalid(() => loose.estimateGradient(), 'network: expected an object')
  await invalid(() => loose.exportOnnx(), 'network: expected an object')
  await invalid(() => loose.checkRandom(), 'network: expected an object')
  await invalid(() => loose.loadBatches(data.train), 'options: expected an object')
  await invalid(() => loose.loadBatches(data.train, { ahead: 2 }), 'batchSize: expected an integer')
  await invalid(() => loose.loadBatches(undefined, { batchSize: 2 }), 'dataset: expected an object')
  await invalid(() => loose.checkReference(), 'reference: expected an object')
  await invalid(() => loose.readReference(), 'path: expected a string')
  await invalid(() => loose.zoGrasp(network, data.train, null), 'options: expected an object, received null')
  await invalid(() => loose.layerWiseRandom(network.layout), 'ratios: expected an object')
  await invalid(() => loose.layerWiseRandom(network.layout, {}), 'layers: expected an object')
  await invalid(
    () => loose.cnn(1, 4, { input: 32 }),
    'input: expected an array of three integers',
    'received 32',
  )
  await invalid(
    () => loose.stepwise({ lr: 1, totalSteps: 2, milestones: 1 }),
    'milestones: expected an array',
  )
  const head = { head: {} }
  await invalid(() => loose.evaluate(api.createSession(network), data.test, head), 'options.head: expected')
  const tensor = ['a', { dtype: 'F8', shape: [1], data: new Float32Array(1) }]
  await invalid(() => loose.writeSafetensors('none', [tensor]), "tensor 'a': expected dtype", "received 'F8'")
  await invalid(() => loose.writeSafetensors('none', [], { step: 3 }), 'metadata: step: expected a string')
  await invalid(() => loose.inspect(), 'data: expected an object')
  await invalid(() => loose.contactSheet(), 'dataset: expected an object')
  await invalid(() => loose.contactSheet(data.train, { perClass: -1 }), 'options.perClass', 'received -1')
})

test('options that are undefined count as absent, for the compiler too', () => {
  const none: number | undefined = undefined
  const off: boolean | undefined = undefined
  const net = api.resnet20({ classes: none, seed: none, input: undefined })
  api.uniformSparsity(net.layout, 0.5, { seed: none, draw: none })
  api.builtin({ train: 2, test: 2, seed: none })
  api.loadBatches(data.train, { batchSize: 2, seed: none, shuffle: off, ahead: none })
  api.exportOnnx(network, { foldBatchNorm: off, metadata: undefined })
  api.sgd({ momentum: none })
  // Not called: the types are what is checked.
  const typed = [
    () => api.train(network, data, { seed: none, epochs: none, record: undefined }),
    () => api.prune(network, null, { method: 'magnitude', seed: none }),
    () => api.checkRandom(network, { seed: none, threads: none }),
    () => api.estimateGradient(network, { input: new Float32Array() } as never, { seed: none }),
    () => api.writeReport([], { threads: none }),
  ]
  assert.is(typed.length, 5)
})

test('folders and sources that are missing or something else', async () => {
  await invalid(() => loose.writeReport(), 'directories: expected an array')
  await invalid(() => loose.writeReport('runs/first'), "received 'runs/first'")
  await invalid(() => loose.writeReport([7]), 'directory: expected a string')
  await invalid(() => loose.fetchData(), 'source: expected an object')
  await invalid(() => loose.fetchData({}), 'source: expected one of `sources`')
  await invalid(() => loose.fetchData(sources.mnist), 'dir: expected a string')
  await invalid(() => loose.readMetrics(), 'directory: expected a string')
})

test('metrics that are missing or damaged are a file error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-arguments-'))
  const path = join(folder, 'metrics.jsonl')
  await refused(() => api.readMetrics(folder), 'ERR_FILE', `${path}: cannot be read: it does not exist`)
  writeFileSync(path, '{"type":\n')
  await refused(() => api.readMetrics(folder), 'ERR_FILE', `${path}: cannot be read`)
  rmSync(folder, { recursive: true })
})

test('inspect stops by its signal', () =>
  refused(
    () => api.inspect(data, { signal: AbortSignal.abort() }),
    'ERR_ABORTED',
    'looking at builtin was stopped',
  ))

test('correlations of lists that do not fit are refused in a whole sentence', async () => {
  await invalid(() => spearman([1], [2]), "two lists of the same length, 2 or more, received '1 and 1'")
  const one = { layers: { fc: { keep: 1, of: 2 } } }
  await invalid(() => ratioCorrelation(one as never, one as never), '2 or more')
})

test.run()
