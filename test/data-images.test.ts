// Image folders: pixels as sharp decodes them, the cache that is used, renewed in part, refused; sizes, channels, and the
// same batches as from memory.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import sharp from 'sharp'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { batches } from '../lib/data/batches.ts'
import { type Batch, inputsAt, type Splits, select } from '../lib/data/dataset.ts'
import { CACHE, type ImageFolderOptions, imageFolder } from '../lib/data/image-folder.ts'
import { loadBatches } from '../lib/data/load-batches.ts'
import { meanAndDeviation } from '../lib/data/statistics.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { train } from '../lib/training/train.ts'
import { refused } from './fixtures/rejects.ts'

const [HEIGHT, WIDTH] = [6, 5]

/** Pixel bytes [H, W, C] by an image's number. */
const pixels = (image: number, channels: number, height = HEIGHT, width = WIDTH): Buffer =>
  Buffer.from(Uint8Array.from({ length: height * width * channels }, (_, i) => (31 * image + 7 * i) % 256))

const png = (bytes: Buffer, channels: 1 | 3 | 4, height = HEIGHT, width = WIDTH): Promise<Buffer> =>
  sharp(bytes, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer()

interface Context {
  dir: string
  put: (name: string, content: Uint8Array | string) => void
}

const folders = suite<Context>('image folders')
folders.before.each(async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'deepzero-images-'))
  context.dir = dir
  context.put = (name, content) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), content)
    utimesSync(join(dir, name), 1000, 1000)
  }
  const names = ['train/cat/b.png', 'train/cat/a.png', 'train/ant/x.PNG', 'test/cat/t.png', 'train/ant/w.png']
  for (const [i, name] of names.entries()) context.put(name, await png(pixels(i, 3), 3))
  context.put('train/ant/notes.txt', 'no image')
})
folders.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

/** Opens the folder; says how many images were written to a file of the cache, from the old one or decoded. */
async function open(
  dir: string,
  options: ImageFolderOptions = {},
): Promise<{ data: Splits; written: number }> {
  let written = 0
  const data = await imageFolder(dir, {
    ...options,
    onProgress: () => {
      written += 1
    },
  })
  return { data, written }
}

const all = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i)

folders('classes and images sorted, pixels as planes, statistics of the training images', async ({ dir }) => {
  const { data, written } = await open(dir)
  const { train: set, test, classes, shape } = data
  assert.is(written, 5)
  assert.equal(shape, [3, HEIGHT, WIDTH])
  assert.equal(classes, ['ant', 'cat'])
  assert.equal([...set.labels!], [0, 0, 1, 1])
  assert.equal([...test.labels!], [1])
  const expected = [4, 2, 1, 0].flatMap((image) => {
    const bytes = pixels(image, 3)
    return [0, 1, 2].flatMap((c) => Array.from({ length: HEIGHT * WIDTH }, (_, i) => bytes[3 * i + c]))
  })
  const read = (await set.read!(all(4))) as Uint8Array
  assert.equal([...read], expected)
  assert.equal({ mean: set.mean, std: set.std }, meanAndDeviation(read, shape))
  assert.equal(test.mean, set.mean)
  const picked = await set.read!(Uint32Array.of(3, 1, 1))
  const size = 3 * HEIGHT * WIDTH
  assert.equal(
    [...picked],
    [3, 1, 1].flatMap((i) => expected.slice(i * size, (i + 1) * size)),
  )
})

folders('batches are those of the same images in memory', async ({ dir }) => {
  const { train: set } = (await open(dir)).data
  const memory = await select(set, all(4))
  const options = { batchSize: 3, seed: 5, epoch: 2, shuffle: true, augment: true }
  const loaded: Batch[] = []
  for await (const batch of loadBatches(set, options)) loaded.push(batch)
  assert.equal(loaded, [...batches(memory, options)])
  assert.throws(() => batches(set, options), /loadBatches/)
})

folders('the cache is used; what has changed is decoded anew', async ({ dir, put }) => {
  const first = await open(dir)
  assert.equal(readdirSync(join(dir, CACHE)).sort(), ['test-3x6x5.inputs', 'train-3x6x5.inputs'])
  const again = await open(dir)
  assert.is(again.written, 0)
  assert.is(again.data.train.fingerprint, first.data.train.fingerprint)
  // The same bytes at another time: read anew, but not other data.
  utimesSync(join(dir, 'train/cat/a.png'), 1, 1)
  const touched = await open(dir)
  assert.is(touched.written, 4)
  assert.is(touched.data.train.fingerprint, first.data.train.fingerprint)
  // Images of which the file holds the pixels are not looked at again: their content may be anything now.
  put('train/ant/x.PNG', Buffer.alloc(statSync(join(dir, 'train/ant/x.PNG')).size))
  put('train/cat/c.png', await png(pixels(9, 3), 3))
  const more = await open(dir)
  assert.is(more.written, 5)
  assert.not.equal(more.data.train.fingerprint, first.data.train.fingerprint)
  assert.equal(await inputsAt(more.data.train, all(4)), await inputsAt(first.data.train, all(4)))
})

folders('a data set in use reads on from its own file when the cache is renewed', async ({ dir, put }) => {
  const { train: set } = (await open(dir)).data
  const before = await inputsAt(set, all(4))
  // The first of all: every record moves by one.
  put('train/ant/a.png', await png(pixels(9, 3), 3))
  assert.is((await open(dir)).data.train.count, 5)
  assert.equal(await inputsAt(set, all(4)), before)
  rmSync(join(dir, CACHE), { recursive: true })
  assert.equal(await inputsAt(set, all(4)), before)
})

folders('files of data sets that nothing refers to any more are closed', async ({ dir, put }) => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      const link = join('/proc/self/fd', fd)
      return existsSync(link) && readlinkSync(link).includes(dir)
    }).length
  const kept = (await open(dir)).data
  for (let i = 0; i < 20; ++i) {
    put('train/cat/c.png', await png(pixels(i, 3), 3))
    utimesSync(join(dir, 'train/cat/c.png'), i, i)
    await open(dir)
  }
  for (let tries = 0; tries < 50 && openFiles() > 2; ++tries) {
    collect()
    await setTimeout(10)
  }
  assert.is(openFiles(), 2)
  assert.is((await inputsAt(kept.train, all(4))).length, 4 * 3 * HEIGHT * WIDTH)
})

folders(
  'what was scaled for one call is not taken for images that all have one size',
  async ({ dir, put }) => {
    put('train/cat/large.png', await png(pixels(8, 3, 12, 10), 3, 12, 10))
    const size = { size: HEIGHT }
    await open(dir, size)
    assert.is((await open(dir, size)).written, 0)
    rmSync(join(dir, 'train/cat/large.png'))
    for (const name of [
      'train/cat/b.png',
      'train/cat/a.png',
      'train/ant/x.PNG',
      'test/cat/t.png',
      'train/ant/w.png',
    ])
      put(name, await png(pixels(1, 3, HEIGHT, HEIGHT), 3, HEIGHT, HEIGHT))
    put('train/cat/large.png', await png(pixels(8, 3, 12, 12), 3, 12, 12))
    await open(dir, size)
    await refused(() => imageFolder(dir), 'ERR_DATA', 'large.png')
  },
)

folders('another folder for the cache, which data folders may share', async ({ dir, put }) => {
  const cache = join(dir, '..', `${dir.split('/').at(-1)}-cache`)
  try {
    await open(dir, { cache })
    assert.not.ok(existsSync(join(dir, CACHE)))
    assert.is(readdirSync(cache).length, 2)
    assert.is((await open(dir, { cache })).written, 0)
    // A link leads to the same files; another folder has its own, and changed images take the place of the old ones.
    symlinkSync(dir, `${dir}-link`)
    assert.is((await open(`${dir}-link`, { cache })).written, 0)
    cpSync(dir, `${dir}-copy`, { recursive: true })
    assert.is((await open(`${dir}-copy`, { cache })).written, 5)
    assert.is((await open(dir, { cache })).written, 0)
    assert.is(readdirSync(cache).length, 4)
    put('train/cat/b.png', await png(pixels(9, 3), 3))
    utimesSync(join(dir, 'train/cat/b.png'), 5, 5)
    assert.is((await open(dir, { cache })).written, 4)
    assert.is(readdirSync(cache).length, 4)
  } finally {
    for (const path of [cache, `${dir}-link`, `${dir}-copy`]) rmSync(path, { recursive: true, force: true })
  }
})

folders('a file of another program is left alone; a damaged one is refused', async ({ dir, put }) => {
  await open(dir)
  const file = join(CACHE, 'train-3x6x5.inputs')
  const good = readFileSync(join(dir, file))
  const refusedWith = async (bytes: Buffer | string, ...words: string[]): Promise<void> => {
    put(file, bytes)
    await refused(imageFolder(dir), 'ERR_DATA', file, ...words)
    assert.equal(readFileSync(join(dir, file)), Buffer.from(bytes))
  }
  await refusedWith('something else altogether', 'left as it is')
  await refusedWith('', 'left as it is')
  await refusedWith(good.subarray(0, 30), 'delete it')
  await refusedWith(good.subarray(0, -1), 'delete it')
  const table = Buffer.from(good)
  table[8 + 4 * 90 + 3]! ^= 1
  await refusedWith(table, 'its table is not what was written')
  const record = Buffer.from(good)
  record[8 + 2 * 90]! ^= 1
  put(file, record)
  const { data } = await open(dir)
  await data.train.read!(Uint32Array.of(0, 1, 3))
  await refused(data.train.read!(Uint32Array.of(1, 2)), 'ERR_DATA', 'record 2 is not what was written')
})

folders('stopped while decoding: what is done is kept', async ({ dir, put }) => {
  const stop = new AbortController()
  const work = imageFolder(dir, { signal: stop.signal, onProgress: (done) => done === 2 && stop.abort() })
  await refused(work, 'ERR_ABORTED', 'after 2 images')
  assert.equal(readdirSync(join(dir, CACHE)), ['train-3x6x5.inputs'])
  put('train/ant/x.PNG', Buffer.alloc(statSync(join(dir, 'train/ant/x.PNG')).size))
  // The second image could not be decoded any more.
  assert.is((await open(dir)).data.train.count, 4)
})

folders('an image that cannot be decoded is named', async ({ dir, put }) => {
  const whole = await png(pixels(3, 3, 64, 64), 3, 64, 64)
  put('train/cat/b.png', whole.subarray(0, whole.length / 2))
  await refused(imageFolder(dir, { size: 8 }), 'ERR_DATA', 'train/cat/b.png', 'cannot be decoded')
  put('train/cat/b.png', '')
  await refused(imageFolder(dir), 'ERR_DATA', 'train/cat/b.png', 'empty')
  put('train/cat/b.png', 'not an image')
  await refused(imageFolder(dir), 'ERR_DATA', 'train/cat/b.png', 'replace or remove it')
  assert.equal(
    readdirSync(join(dir, CACHE)).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

folders('an image that claims to be huge is refused before it is decoded', async ({ dir, put }) => {
  // A JPEG whose header says 65,000 × 65,000.
  const jpeg = await sharp(pixels(1, 3), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg()
    .toBuffer()
  const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0))
  assert.ok(frame > 0)
  jpeg.writeUInt16BE(65_000, frame + 5)
  jpeg.writeUInt16BE(65_000, frame + 7)
  put('train/ant/a.jpg', jpeg)
  await refused(imageFolder(dir, { size: 8 }), 'ERR_DATA', 'train/ant/a.jpg', 'exceeds pixel limit')
})

folders('sizes and channels', async ({ dir, put }) => {
  put('test/ant/large.png', await png(pixels(7, 3, 12, 10), 3, 12, 10))
  await refused(
    imageFolder(dir),
    'ERR_DATA',
    'large.png',
    'expected an image of 6×5',
    '12×10',
    '--image-size',
  )
  const { data } = await open(dir, { size: 4 })
  assert.equal(data.shape, [3, 4, 4])
  assert.is((await data.test.read!(all(2))).length, 2 * 48)
  const grey = (await open(dir, { size: 4, channels: 1 })).data
  assert.equal(grey.shape, [1, 4, 4])
  await refused(imageFolder(dir, { channels: 2 }), 'ERR_INVALID_ARGUMENT', 'options.channels')
  // A grey and a transparent image among colours; a first image that is grey decides.
  put('test/ant/large.png', await png(pixels(7, 4), 4))
  put('test/ant/grey.png', await png(pixels(8, 1), 1))
  const mixed = (await open(dir)).data.test
  const [greyImage, alpha] = [0, 1].map((i) => mixed.read!(Uint32Array.of(i)))
  assert.equal([...(await greyImage!)], [...pixels(8, 1), ...pixels(8, 1), ...pixels(8, 1)])
  assert.equal(
    [...(await alpha!)].slice(0, 3),
    [0, 4, 8].map((i) => pixels(7, 4)[i]),
  )
  put('train/ant/0.png', await png(pixels(8, 1), 1))
  assert.equal((await open(dir)).data.shape, [1, HEIGHT, WIDTH])
})

folders('folders that are not what they should be', async ({ dir, put }) => {
  put('test/dog/a.png', await png(pixels(1, 3), 3))
  await refused(imageFolder(dir), 'ERR_DATA', "another one, 'dog'")
  rmSync(join(dir, 'test'), { recursive: true })
  await refused(imageFolder(dir), 'ERR_DATA', 'test/ not found', 'val/')
  put('val/ant/a.png', await png(pixels(1, 3), 3))
  assert.is((await open(dir)).data.test.count, 1)
  mkdirSync(join(dir, 'train', 'empty'))
  await refused(imageFolder(dir), 'ERR_DATA', 'empty', 'found none')
  rmSync(join(dir, 'train'), { recursive: true })
  mkdirSync(join(dir, 'train'))
  await refused(imageFolder(dir), 'ERR_DATA', 'a folder for each class')
})

folders('where the cache cannot be written, the message names another folder', async ({ dir, put }) => {
  put(CACHE, 'a file in its place')
  await refused(imageFolder(dir), 'ERR_DATA', CACHE)
  await refused(imageFolder(dir, { cache: '/proc/none' }), 'ERR_FILE', '--data-cache')
})

folders('a disk that is full: said, with another place, and nothing half written is left', ({ dir }) => {
  // A limit on the size of files stands for the disk: the write fails in the same place.
  const root = fileURLToPath(new URL('..', import.meta.url))
  const command = `ulimit -f 64 && exec '${process.execPath}' --import tsx lib/cli/main.ts data inspect '${dir}' --image-size 256`
  const { status, stderr } = spawnSync('bash', ['-c', command], { cwd: root, encoding: 'utf8' })
  assert.is(status, 3, stderr)
  assert.match(stderr, /train-3x256x256-scaled\.inputs: cannot be written: it would be larger.*--data-cache/)
  assert.equal(readdirSync(join(dir, CACHE)), [])
})

folders('training reads from the cache, and a resumed run takes the same images', async ({ dir }) => {
  const { data } = await open(dir, { size: 8 })
  const run = join(dir, 'run')
  const options = { epochs: 2, batchSize: 2, run, seed: 2, threads: 1 }
  const network = cnn(1, 2, { classes: 2, input: data.shape })
  const waits: number[] = []
  for await (const event of train(network, data, options)) {
    if (event.type === 'step') waits.push(event.waited)
    if (event.type === 'step' && event.step === 3) break
  }
  assert.is(waits.length, 3)
  assert.ok(waits.every((seconds) => seconds >= 0))
  const again = (await open(dir, { size: 8 })).data
  let steps = 0
  for await (const event of train(network, again, { ...options, resume: true }))
    steps += Number(event.type === 'step')
  assert.is(steps, 1)
  utimesSync(join(dir, 'train/cat/a.png'), 5, 5)
  writeFileSync(join(dir, 'train/cat/a.png'), await png(pixels(77, 3), 3))
  const other = (await open(dir, { size: 8 })).data
  const resumed = train(network, other, { ...options, epochs: 2, resume: true }).next()
  await refused(resumed, 'ERR_RUN', 'data')
})

folders('a class of more images than a call takes arguments', async ({ dir }) => {
  // On a small stack, so that fewer files show what 130,000 do on the usual one.
  const count = 16_000
  for (let i = 0; i < count; ++i) writeFileSync(join(dir, 'train/cat', `${i}.jpg`), '')
  const root = fileURLToPath(new URL('..', import.meta.url))
  const script = `
    import { listImages } from './lib/data/image-listing.ts'
    console.log((await listImages(process.argv[1])).images.length)`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--stack-size=120', '--import', 'tsx', '--input-type=module', '-e', script, join(dir, 'train')],
    { cwd: root, encoding: 'utf8' },
  )
  assert.is(status, 0, stderr)
  assert.is(stdout.trim(), String(count + 4))
})

folders.run()
