// `deepzero export`: of runs, checkpoints and weights files; what others make of the files; mistakes.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import { builtin, builtinClasses } from '../lib/data/builtin.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { loadModel, loadWeights } from '../lib/model.ts'
import { networkByName } from '../lib/networks/index.ts'
import { ONNX_OPSET } from '../lib/onnx/export.ts'
import { readSafetensors, writeSafetensors } from '../lib/safetensors.ts'
import { train } from '../lib/training/train.ts'
import { deepzero, refused } from './fixtures/command.ts'
import { decodeOnnx, runOnnx } from './fixtures/onnx.ts'
import { outputs } from './fixtures/outputs.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-export-'))
const file = (name: string): string => join(folder, name)
const run = file('run')
const data = builtin({ train: 60, test: 8 })

/** Float32 sums in other orders. */
const TOLERANCE = 1e-5

test.before(async () => {
  const options = { epochs: 3, batchSize: 30, lr: 0.2, sparsity: 0.5, threads: 1, run, keepCheckpoints: 5 }
  for await (const _ of train(networkByName('resnet8', { seed: 4 }), data, { ...options, maxSteps: 2 }));
})
test.after(() => rmSync(folder, { recursive: true }))

const latest = (): string => join(run, readFileSync(join(run, 'latest'), 'utf8').trim(), 'model.safetensors')

test('a run as ONNX: the outputs of its last weights on test images', async () => {
  const onnx = file('model.onnx')
  const ran = deepzero('export', run, '--onnx', onnx)
  assert.is(ran.code, 0, ran.err)
  assert.match(
    ran.out,
    new RegExp(`resnet8 of .*model\\.safetensors\\nONNX, opset ${ONNX_OPSET}: ${onnx}\\n$`),
  )
  const [batch] = batches(data.test, { batchSize: 8 })
  const { data: logits } = await runOnnx(readFileSync(onnx), batch!.input, [8, 3, 32, 32])
  const error = relativeError(logits, await outputs(await loadModel(latest()), batch!.input))
  assert.ok(error <= TOLERANCE, String(error))
  const metadata = decodeOnnx(readFileSync(onnx)).metadataProps!
  assert.equal(JSON.parse(metadata.find(({ key }) => key === 'classes')!.value), [...builtinClasses])
  for (const source of [join(latest(), '..'), latest()]) {
    assert.is(deepzero('export', source, '--onnx', onnx).code, 0)
    const [named] = decodeOnnx(readFileSync(onnx)).metadataProps!.filter(({ key }) => key === 'classes')
    assert.equal(JSON.parse(named!.value), [...builtinClasses], source)
  }
  const { mean, std } = data.test
  assert.equal(JSON.parse(metadata.find(({ key }) => key === 'normalisation')!.value), { mean, std })
})

test('folded, and normalising by itself: the same from pixels', async () => {
  const onnx = file('pixels.onnx')
  const ran = deepzero('export', run, '--onnx', onnx, '--fold-batch-norm', '--normalise', '--json')
  assert.is(ran.code, 0, ran.err)
  assert.equal(JSON.parse(ran.out), {
    network: 'resnet8',
    weights: latest(),
    onnx,
    opset: ONNX_OPSET,
    safetensors: null,
    foldBatchNorm: true,
  })
  const pixels = Float32Array.from(data.test.images, (byte) => byte / 255)
  const { data: logits } = await runOnnx(readFileSync(onnx), pixels, [8, 3, 32, 32])
  const [batch] = batches(data.test, { batchSize: 8 })
  const error = relativeError(logits, await outputs(await loadModel(latest()), batch!.input))
  assert.ok(error <= TOLERANCE, String(error))
  const { graph, metadataProps } = decodeOnnx(readFileSync(onnx))
  assert.not.ok(graph.node.some(({ opType }) => opType === 'BatchNormalization'))
  assert.not.ok(metadataProps!.some(({ key }) => key === 'normalisation'))
})

test('safetensors: the same weights, bit for bit, and back; folded ones compute the same', async () => {
  const out = file('weights.safetensors')
  const folded = file('folded.safetensors')
  assert.is(deepzero('export', run, '--safetensors', out).code, 0)
  assert.is(deepzero('export', run, '--safetensors', folded, '--fold-batch-norm').code, 0)
  const expected = await loadModel(latest())
  for (const network of [await loadModel(out), await loadWeights(out, networkByName('resnet8'))])
    assert.equal([network.parameters, network.buffers], [expected.parameters, expected.buffers])
  assert.equal(
    (await readSafetensors(out)).metadata.normalisation,
    (await readSafetensors(latest())).metadata.normalisation,
  )
  const [batch] = batches(data.test, { batchSize: 8 })
  const error = relativeError(
    await outputs(await loadModel(folded), batch!.input),
    await outputs(expected, batch!.input),
  )
  assert.ok(error <= TOLERANCE, String(error))
})

test('class names: of the run that the weights belong to, and of nothing else', async () => {
  const classes = async (source: string): Promise<string | undefined> => {
    const out = file('named.safetensors')
    const ran = deepzero('export', source, '--safetensors', out)
    assert.is(ran.code, 0, ran.err)
    return (await readSafetensors(out)).metadata.classes
  }
  const expected = JSON.stringify(builtinClasses)
  const copy = file('copy')
  cpSync(run, copy, { recursive: true })
  renameSync(join(copy, 'checkpoints', '0'), join(copy, 'checkpoints', '0-unevaluated'))
  const unevaluated = join(copy, 'checkpoints', '0-unevaluated')
  for (const source of [run, unevaluated, join(unevaluated, 'model.safetensors')])
    assert.is(await classes(source), expected)
  // A folder of another program, with a config.json of its own.
  const foreign = file('foreign')
  mkdirSync(foreign)
  copyFileSync(latest(), join(foreign, 'model.safetensors'))
  writeFileSync(join(foreign, 'config.json'), '{"model_type": "resnet"}')
  await classes(foreign)
})

test('which checkpoint: the latest, the best, a folder', async () => {
  const best = readFileSync(join(run, 'best'), 'utf8').trim()
  const weights = (...args: string[]): string => {
    const ran = deepzero('export', ...args, '--onnx', file('any.onnx'), '--json')
    assert.is(ran.code, 0, ran.err)
    return JSON.parse(ran.out).weights
  }
  assert.is(weights(run), latest())
  assert.is(weights(run, '--checkpoint', 'best'), join(run, best, 'model.safetensors'))
  assert.is(weights(join(run, 'checkpoints', '0')), join(run, 'checkpoints', '0', 'model.safetensors'))
  for (const source of [join(run, 'checkpoints', '0'), latest()])
    refused(
      2,
      /--checkpoint: expected to be left out unless the source is a run directory/,
      ...['export', source, '--checkpoint', 'best', '--onnx', file('any.onnx')],
    )
})

test('a file of PyTorch, whose network is named', async () => {
  const network = networkByName('cnn-1x4', { seed: 1, classes: 3 })
  const path = file('torch.safetensors')
  const tensors = [...network.layout.parameters, ...network.layout.buffers].map(
    ({ name, shape, offset, size, role }) => {
      const values = role.startsWith('running') ? network.buffers : network.parameters
      return [name, { dtype: 'F32' as const, shape, data: values.subarray(offset, offset + size) }] as const
    },
  )
  await writeSafetensors(path, tensors)
  const onnx = file('torch.onnx')
  const ran = deepzero('export', path, '--network', 'cnn-1x4', '--classes', '3', '--onnx', onnx)
  assert.is(ran.code, 0, ran.err)
  const [batch] = batches(data.test, { batchSize: 8 })
  const { data: logits } = await runOnnx(readFileSync(onnx), batch!.input, [8, 3, 32, 32])
  const error = relativeError(logits, await outputs(network, batch!.input))
  assert.ok(error <= TOLERANCE, String(error))
  refused(2, /expected the metadata key 'network'.*--network/, 'export', path, '--onnx', onnx)
  refused(
    2,
    /--normalise.*leave the flag out|expected a normalisation/,
    'export',
    path,
    '--network',
    'cnn-1x4',
    '--classes',
    '3',
    '--onnx',
    onnx,
    '--normalise',
  )
  refused(
    2,
    /not the weights of cnn-1x4: .*of another shape/,
    'export',
    path,
    '--network',
    'cnn-1x4',
    '--onnx',
    onnx,
  )
})

test('mistakes are named, and nothing is written', () => {
  const onnx = file('none.onnx')
  refused(2, /--onnx, --safetensors: expected a file to write/, 'export', run)
  refused(2, /--normalise: expected --onnx/, 'export', run, '--safetensors', onnx, '--normalise')
  refused(2, /missing.*cannot be read/, 'export', file('missing'), '--onnx', onnx)
  refused(
    2,
    /expected a run directory with a best checkpoint/,
    'export',
    folder,
    '--checkpoint',
    'best',
    '--onnx',
    onnx,
  )
  refused(
    2,
    /--checkpoint: expected 'latest' or 'best'/,
    'export',
    run,
    '--checkpoint',
    'lates',
    '--onnx',
    onnx,
  )
  refused(2, /did you mean --fold-batch-norm/, 'export', run, '--fold-batchnorm', '--onnx', onnx)
  assert.not.ok(existsSync(onnx))
})

test.run()
