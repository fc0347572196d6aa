// What `deepzero data inspect` says, the contact sheet as another decoder reads it, and training by the command line on
// folders of other formats than CIFAR-10.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { contactSheet } from '../lib/data/contact-sheet.ts'
import { inspect } from '../lib/data/inspect.ts'
import { fromArrays, splitsOf } from '../lib/data/own.ts'
import { encodePng } from '../lib/data/png.ts'
import { cifarRecords, idx } from './fixtures/data-files.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

test('PNG: another decoder reads the same pixels', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(1 as const, 3 as const),
      fc.nat(),
      async (height, width, channels, seed) => {
        const pixels = Uint8Array.from({ length: height * width * channels }, (_, i) => (seed + 37 * i) % 256)
        const png = encodePng(pixels, height, width, channels)
        const { data, info } = await sharp(png)
          .toColourspace(channels === 1 ? 'b-w' : 'srgb')
          .raw()
          .toBuffer({ resolveWithObject: true })
        assert.equal([info.height, info.width, info.channels], [height, width, channels])
        assert.equal(new Uint8Array(data), pixels)
      },
    ),
    { numRuns: 40 },
  )
})

test('contact sheet: a row for each class, images in whole pixels', async () => {
  const labels = [1, 0, 1, 1, 2]
  const inputs = Uint8Array.from({ length: 5 * 3 * 16 * 24 }, (_, i) => 100 + Math.floor(i / (3 * 16 * 24)))
  const set = fromArrays({ inputs, labels, shape: [3, 16, 24] })
  const { data, info } = await sharp(await contactSheet(set, { perClass: 2 }))
    .raw()
    .toBuffer({ resolveWithObject: true })
  // Twice as large, with gaps of 2 pixels: 2 columns of 50, 3 rows of 34.
  assert.equal([info.width, info.height], [2 * 50 + 2, 3 * 34 + 2])
  const at = (row: number, column: number): number | undefined =>
    data[((row * 34 + 2) * info.width + column * 50 + 2) * 3]
  assert.equal([at(0, 0), at(0, 1), at(1, 0), at(1, 1), at(2, 0)], [101, 24, 100, 102, 104])
  assert.is(data[0], 24)
})

test('facts of a set with targets', async () => {
  const set = fromArrays({
    inputs: Float32Array.from({ length: 24 }, (_, i) => i),
    targets: Float32Array.of(1, 2, 3, 4),
    shape: [1, 3, 4],
  })
  const facts = await inspect(splitsOf(set, set, 'mine'))
  assert.equal([facts.outputs, facts.classes.length, facts.train.perClass], [2, 0, []])
  assert.equal(facts.train.mean, [11.5])
  assert.equal(facts.normalisation, { mean: [0], std: [1] })
  assert.ok((await contactSheet(set)).length > 100)
})

const commands = suite<{ dir: string }>('commands')
commands.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-inspect-'))
})
commands.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

const deepzero = (...args: string[]): string =>
  execFileSync(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  })

function putMnist(dir: string): void {
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(dir, name), gzipSync(bytes))
  put('train-images-idx3-ubyte.gz', idx([8, 8, 8]))
  put(
    'train-labels-idx1-ubyte.gz',
    idx([8], (i) => i % 4),
  )
  put('t10k-images-idx3-ubyte.gz', idx([4, 8, 8]))
  put('t10k-labels-idx1-ubyte.gz', idx([4]))
}

commands('inspect: for people and as JSON, with a sheet', async ({ dir }) => {
  putMnist(dir)
  const sheet = join(dir, 'new', 'sheet.png')
  const text = deepzero('data', 'inspect', dir, '--sheet', sheet, '--per-class', '2')
  for (const part of ['IDX files', '1×8×8', '4 classes', '8 images', 'mean [', sheet])
    assert.ok(text.includes(part), `${part} in ${text}`)
  assert.equal([...readFileSync(sheet).subarray(1, 4)], [...Buffer.from('PNG')])
  const facts = JSON.parse(deepzero('data', 'inspect', dir, '--json'))
  assert.equal(facts.train.perClass, [2, 2, 2, 2])
  assert.equal(facts.shape, [1, 8, 8])
  assert.equal(facts.normalisation.mean, facts.train.mean)
})

commands('train and eval on MNIST files: one channel, as many outputs as classes', ({ dir }) => {
  putMnist(dir)
  const options = [
    '--network',
    'cnn-1x2',
    '--data',
    dir,
    '--batch-size',
    '4',
    '--epochs',
    '1',
    '--no-augment',
  ]
  const lines = deepzero('train', ...options, '--run', join(dir, 'run'), '--json')
    .trim()
    .split('\n')
  const events = lines.map((line) => JSON.parse(line))
  assert.is(events.at(-1).type, 'end')
  // 18 + 2 of the convolution, 4 of batch norm, 2·4 + 4 of the classifier.
  assert.is(events[0].parameters, 36)
  assert.ok(events.filter(({ type }) => type === 'step').every(({ waited }) => waited >= 0))
  const result = JSON.parse(
    deepzero('eval', '--weights', join(dir, 'run/checkpoints/2/model.safetensors'), '--data', dir, '--json'),
  )
  assert.is(result.images, 4)
})

commands(
  'train on CIFAR-100 with coarse labels; a network too deep for the images is explained',
  ({ dir }) => {
    writeFileSync(
      join(dir, 'train.bin'),
      cifarRecords(4, (i) => [i, i]),
    )
    writeFileSync(
      join(dir, 'test.bin'),
      cifarRecords(2, (i) => [i, i]),
    )
    for (const [kind, count] of [
      ['coarse', 20],
      ['fine', 100],
    ] as const)
      writeFileSync(
        join(dir, `${kind}_label_names.txt`),
        Array.from({ length: count }, (_, i) => `c${i}`).join('\n'),
      )
    const options = ['--network', 'cnn-1x2', '--data', dir, '--batch-size', '2', '--max-steps', '1', '--json']
    const [start] = deepzero('train', ...options, '--labels', 'coarse').split('\n')
    assert.is(JSON.parse(start!).parameters, 3 * 18 + 2 + 4 + 2 * 20 + 20)
    const mnistDir = join(dir, 'mnist')
    mkdirSync(mnistDir)
    putMnist(mnistDir)
    const deep = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'lib/cli/main.ts', 'train', '--network', 'cnn-5x2', '--data', mnistDir],
      { cwd: root, encoding: 'utf8' },
    )
    assert.is(deep.status, 2)
    assert.match(deep.stderr, /cnn-5x2 does not fit.*1×8×8.*conv_layers/)
  },
)

commands.run()
test.run()
