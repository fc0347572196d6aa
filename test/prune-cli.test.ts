// `deepzero prune`: files, the table, JSON, mistakes, Ctrl-C; and training by what it wrote.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cnn } from '../lib/networks/cnn.ts'
import { readMask } from '../lib/pruning/mask.ts'
import { prune, withImages } from '../lib/pruning/prune.ts'
import { readRatios } from '../lib/pruning/ratios.ts'
import { deepzero, environment, main, refused } from './fixtures/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-prune-'))
const path = (name: string): string => join(folder, name)

const network = cnn(1, 4, { seed: 6 })
const source = ['--network', 'cnn-1x4', '--data', 'builtin', '--train-images', '60', '--seed', '6']
const images = [...source, '--images-per-class', '2', '--threads', '1']
const small = [...images, '--method', 'zo-grasp', '--queries', '4']

test('by default coordinate-wise, on one image of each class; along random directions on 25', () => {
  const { code, out, err } = deepzero('prune', ...source, '--sparsity', '0.7', '--json')
  assert.is(code, 0, err)
  const { method, options } = JSON.parse(out)
  assert.equal([method, options.imagesPerClass], ['zo-grasp-cge', 1])
  for (const [name, expected] of [
    ['zo-grasp', 25],
    ['snip-rge', 25],
    ['snip', 1],
  ] as const)
    assert.is(withImages({ method: name, imagesPerClass: 0 }).imagesPerClass, expected)
  assert.is(withImages({ method: 'snip', imagesPerClass: 7 }).imagesPerClass, 7)
})

test('ratios and mask on disk, a table on the terminal, and training takes both', async () => {
  const [out, maskOut] = [path('ratios.json'), path('mask.safetensors')]
  const args = ['--sparsity', '0.7', '--out', out, '--mask-out', maskOut]
  const done = deepzero('prune', ...small, ...args)
  assert.is(done.code, 0, done.err)
  assert.is(done.err, '')
  const ratios = await readRatios(out, network)
  assert.equal([ratios.method, ratios.sparsity, ratios.seed], ['zo-grasp', 0.7, 6])
  const { keep, of } = ratios.layers['fc.weight']!
  assert.match(done.out, /^cnn-1x4: zo-grasp on 20 training images\n/)
  assert.match(done.out, /^cnn-1x4: zo-grasp at sparsity 0\.7 keeps 44 of 148 layer weights \(seed 6\)$/m)
  assert.match(done.out, new RegExp(`^fc\\.weight +${keep} of +${of} .*█$`, 'm'))
  assert.match(done.out, /^all +44 of +148 +29\.7 %$/m)
  assert.match(done.out, /^done in .*; ratios in .*ratios\.json; mask in .*mask\.safetensors$/m)
  for (const line of done.out.split('\n').slice(1, 5)) assert.ok(line.length <= 80, line)

  const mask = await readMask(maskOut, network)
  assert.is(mask.length, 44 + network.layout.parameterCount - 148)
  const steps = ['--test-images', '20', '--epochs', '1', '--batch-size', '30', '--threads', '1']
  for (const flags of [
    ['--ratios', out],
    ['--mask', maskOut],
    ['--ratios', out, '--sparse-weights'],
  ]) {
    const run = path(`run${flags.join('-').replaceAll(/\W/g, '')}`)
    const trained = deepzero('train', ...source, ...steps, ...flags, '--run', run)
    assert.is(trained.code, 0, trained.err)
    assert.match(trained.out, new RegExp(`, ${mask.length} queried per step;`))
    const again = deepzero('train', '--run', run, '--resume')
    assert.is(again.code, 0, again.err)
  }
  refused(
    2,
    /--ratios: expected no ratios beside --sparsity/,
    'train',
    ...source,
    '--ratios',
    out,
    '--sparsity',
    '0.5',
  )
  refused(
    2,
    /--sparse-weights: .* unless --sparsity, --ratios or --mask is given/,
    'train',
    ...source,
    '--sparse-weights',
  )
  refused(2, /ratios of cnn-1x5/, 'train', '--network', 'cnn-1x5', '--ratios', out)
})

test('a run whose file of ratios is gone goes on', async () => {
  const out = path('gone.json')
  assert.is(deepzero('prune', ...source, '--method', 'magnitude', '--out', out).code, 0)
  const text = readFileSync(out, 'utf8')
  const run = path('gone')
  const args = ['--test-images', '20', '--epochs', '1', '--batch-size', '30', '--ratios', out, '--run', run]
  assert.is(deepzero('train', ...source, ...args).code, 0)
  writeFileSync(out, '')
  const resumed = deepzero('train', '--run', run, '--resume')
  assert.is(resumed.code, 0, resumed.err)
  const { ratios } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
  assert.equal(ratios, JSON.parse(text))
  writeFileSync(out, text.replace('"seed": 6', '"seed": 7'))
  refused(2, /ratios has other contents/, 'train', '--run', run, '--resume', '--ratios', out)
})

test('JSON: the ratios of the library, and nothing else', async () => {
  const { out, code, err } = deepzero('prune', ...images, '--method', 'snip', '--sparsity', '0.5', '--json')
  assert.is(code, 0, err)
  const { builtin } = await import('../lib/data/builtin.ts')
  const options = { method: 'snip', sparsity: 0.5, imagesPerClass: 2, seed: 6 } as const
  assert.equal(JSON.parse(out), (await prune(network, builtin({ train: 60 }).train, options)).ratios)
})

test('mistakes: exit code 2 and one line', () => {
  refused(2, /--network: expected the name/, 'prune')
  refused(2, /unknown option '--methd'; did you mean --method/, 'prune', '--methd', 'snip')
  refused(2, /--method: expected .* did you mean 'zo-grasp'/, 'prune', ...source, '--method', 'zograsp')
  refused(
    2,
    /--queries: expected to be left out unless --method is 'zo-grasp' or 'snip-rge', received 5/,
    'prune',
    ...source,
    '--queries',
    '5',
  )
  refused(2, /in each of the 2 layers/, 'prune', ...source, '--sparsity', '0.99')
  refused(2, /expected 25 images of each class/, 'prune', ...source, '--method', 'zo-grasp')
  refused(
    2,
    /\/dev\/null: expected a folder/,
    'prune',
    ...source,
    '--method',
    'random',
    '--out',
    '/dev/null/r.json',
  )
})

test('help shows every option with its default', () => {
  const { out } = deepzero('prune', '--help')
  for (const shown of [
    /--queries <N> [^<]*\(default\s+192\)/,
    /--images-per-class <N> .*\s.*0\s+for\s+25/,
    /--independent-draws/,
    /--out <FILE>/,
  ])
    assert.match(out, shown)
})

test('Ctrl-C: exit code 130, and no file', async () => {
  const out = path('stopped.json')
  // Hundreds of thousands of queries: longer than anybody waits.
  const args = ['--network', 'resnet20', '--data', 'builtin', '--method', 'zo-grasp-cge', '--out', out]
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'prune', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
  })
  let err = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  // The first line is printed when the work begins.
  await new Promise((resolve) => child.stdout!.once('data', resolve))
  child.kill('SIGINT')
  assert.is(await ended, 130)
  assert.is(err, 'deepzero: pruning was stopped; nothing was written\n')
  assert.not.ok(existsSync(out))
})

test.run()
