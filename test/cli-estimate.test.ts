// `deepzero estimate`: the file it writes, what it prints, mistakes, Ctrl-C.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { saveModel } from '../lib/model.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { normalisationMetadata } from '../lib/training/normalisation.ts'
import { deepzero, environment, main, refused } from './fixtures/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-estimate-'))

const source = ['--network', 'cnn-1x3', '--train-images', '40', '--batch-size', '20', '--seed', '3']

test('the file holds the estimate of the first batch, under the names of the parameters', async () => {
  const out = join(folder, 'deep', 'estimate.safetensors')
  const ran = deepzero('estimate', ...source, '--sparsity', '0.8', '--mu', '1e-3', '--out', out, '--json')
  assert.is(ran.code, 0, ran.err)
  const printed = JSON.parse(ran.out)

  const network = networkByName('cnn-1x3', { seed: 3 })
  const { train } = builtin({ train: 40, test: 1 })
  const batch = batches(train, { batchSize: 20, seed: 3, shuffle: true }).next().value!
  const expected = await estimateGradient(network, batch, { sparsity: 0.8, mu: 1e-3, seed: 3 })
  const { tensors, metadata } = await readSafetensors(out)
  const names = network.layout.parameters.map(({ name }) => name)
  assert.equal([...tensors.keys()].sort(), [...names, 'coordinates'].sort())
  for (const { name, shape, offset, size } of network.layout.parameters) {
    assert.equal(tensors.get(name)!.shape, shape)
    assert.equal(tensors.get(name)!.data, expected.gradient.slice(offset, offset + size))
  }
  assert.equal(tensors.get('coordinates')!.data, expected.coordinates)
  const { format, mu, scheme, estimator, loss, seed, images, network: spec, queries } = metadata
  assert.equal([format, mu, scheme, estimator], ['deepzero-estimate/1', '0.001', 'forward', 'cge'])
  assert.equal([Number(loss), seed, images, queries], [expected.loss, '3', '20', undefined])
  assert.equal(JSON.parse(spec!), network.spec)

  assert.equal(
    [printed.coordinates, printed.queries, printed.images, printed.loss, printed.out],
    [expected.coordinates.length, expected.queries, 20, expected.loss, out],
  )
  const norm = Math.sqrt(expected.gradient.reduce((sum, g) => sum + g * g, 0))
  assert.is(printed.norm, norm)
})

test('weights of a file that names its network, with the normalisation they were trained with', async () => {
  const weights = join(folder, 'model.safetensors')
  const out = join(folder, 'of-weights.safetensors')
  const network = networkByName('cnn-1x2', { seed: 8 })
  const normalisation = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7] }
  await saveModel(weights, network, network.parameters, network.buffers, normalisationMetadata(normalisation))
  const ran = deepzero(
    'estimate',
    '--weights',
    weights,
    '--train-images',
    '40',
    '--batch-size',
    '20',
    '--out',
    out,
  )
  assert.is(ran.code, 0, ran.err)
  assert.match(ran.out, /^cnn-1x2: 90 of 90 coordinates, 90 queries on 20 images in .*; written to .*\n$/)
  const train = { ...builtin({ train: 40, test: 1 }).train, ...normalisation }
  const batch = batches(train, { batchSize: 20, seed: 1, shuffle: true }).next().value!
  const expected = await estimateGradient(network, batch)
  assert.is(Number((await readSafetensors(out)).metadata.loss), expected.loss)
})

test('weights whose normalisation is none, or of a network for other data, are refused', async () => {
  const weights = join(folder, 'odd.safetensors')
  const out = join(folder, 'none.safetensors')
  const network = networkByName('cnn-1x2', { seed: 8 })
  for (const odd of ['{', 'null', '{"mean":[0,0,0],"std":[1,0,1]}', '{"mean":[0],"std":[1]}']) {
    await saveModel(weights, network, network.parameters, network.buffers, { normalisation: odd })
    refused(
      2,
      /expected the metadata key normalisation with mean and std of 3 channels/,
      'estimate',
      '--weights',
      weights,
      '--out',
      out,
    )
  }
  const other = networkByName('cnn-1x2', { seed: 8, classes: 7 })
  await saveModel(weights, other, other.parameters, other.buffers)
  refused(
    2,
    /3×32×32 and 10 outputs, cnn-1x2 takes 3×32×32 and has 7 outputs/,
    'estimate',
    '--weights',
    weights,
    '--out',
    out,
  )
})

test('mistakes: exit code 2, one line, no file', () => {
  const out = join(folder, 'none.safetensors')
  refused(2, /--out: expected the path of the file to write, received null/, 'estimate', ...source)
  refused(2, /--network: expected the name of a network/, 'estimate', '--out', out)
  refused(
    2,
    /--queries: expected to be left out unless --estimator is 'rge'/,
    'estimate',
    ...source,
    '--queries',
    '3',
    '--out',
    out,
  )
  refused(2, /--mu: expected a number, received 'lr'/, 'estimate', ...source, '--mu', 'lr', '--out', out)
  refused(2, /unknown option '--lr'/, 'estimate', ...source, '--lr', '0.1', '--out', out)
  refused(
    2,
    /\/dev\/null: expected a folder/,
    'estimate',
    ...source,
    '--out',
    '/dev/null/estimate.safetensors',
  )
  assert.not.ok(existsSync(out))
})

test('Ctrl-C: exit code 130, no file', async () => {
  const out = join(folder, 'stopped', 'estimate.safetensors')
  const long = [
    '--network',
    'resnet20',
    '--train-images',
    '64',
    '--batch-size',
    '64',
    '--method',
    'two-pass-f64',
  ]
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'estimate', ...long, '--out', out], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environment(),
  })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  // The folder is made before the data are read, and the estimate takes long.
  while (!existsSync(join(folder, 'stopped'))) await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 200))
  child.kill('SIGINT')
  assert.is(await ended, 130, errors)
  assert.match(errors, /^deepzero: stopped; nothing was written\n$/)
  assert.equal(readdirSync(join(folder, 'stopped')), [])
})

test.run()
