/**
 * Damaged files of every format: cut, with bits flipped, with sizes that lie, with parts inserted, removed and repeated. A
 * reader gives something or refuses with an error of ours; it never crashes or hangs, and never asks for more memory than the
 * factor that stands beside it here times the file's size, and a constant.
 *
 * DEEPZERO_FUZZ_RUNS (60) says how many damaged files of each format; the seed is printed when one fails.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import tar from 'tar-stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cifar10 } from '../lib/data/cifar10.ts'
import { cifar100 } from '../lib/data/cifar100.ts'
import { decodeImage, imageShape } from '../lib/data/decode.ts'
import { unpack } from '../lib/data/fetch/unpack.ts'
import { readIdx } from '../lib/data/idx.ts'
import { InputsFile } from '../lib/data/inputs-file.ts'
import { InputsWriter } from '../lib/data/inputs-writer.ts'
import { MOST_INFLATED } from '../lib/data/unzip.ts'
import { DeepZeroError } from '../lib/errors.ts'
import { loadModel, saveModel } from '../lib/model.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { prune } from '../lib/pruning/prune.ts'
import { readRatios } from '../lib/pruning/ratios.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { allocatedBy } from './fixtures/allocations.ts'
import { cifarRecords, idx } from './fixtures/data-files.ts'
import { damaged, damages } from './fixtures/mutate.ts'

const RUNS = Number(process.env.DEEPZERO_FUZZ_RUNS ?? 60)

const folder = mkdtempSync(join(tmpdir(), 'deepzero-fuzz-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

interface Format {
  /** What the file is called; others it needs lie beside it. */
  readonly file: string
  readonly good: Uint8Array
  readonly read: (path: string) => Promise<unknown>
  /** Most bytes that are asked for per byte of the file, and besides. */
  readonly factor: number
  readonly constant: number
  /** Of the errors that it may refuse with. */
  readonly codes?: readonly string[]
}

const put = (path: string, bytes: Uint8Array | string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

/** Damages the file and reads it, again and again. */
function fuzz(name: string, make: (dir: string) => Promise<Format>): void {
  test(`${name}: damaged files are read or refused, and take no more memory than they may`, async () => {
    const dir = join(folder, name.replaceAll(/\W/g, '-'))
    const { file, good, read, factor, constant, codes = ['ERR_DATA'] } = await make(dir)
    const path = join(dir, file)
    put(path, good)
    await read(path)
    let refused = 0
    await fc.assert(
      fc.asyncProperty(damages, async (list) => {
        const bytes = damaged(good, list)
        put(path, bytes)
        let error: unknown
        const allocated = await allocatedBy(() =>
          read(path).catch((reason: unknown) => {
            error = reason
          }),
        )
        if (error !== undefined) {
          refused += 1
          assert.instance(error, DeepZeroError, `${error instanceof Error ? error.stack : error}`)
          const { code, message } = error as DeepZeroError
          assert.ok(codes.includes(code), `${code}: ${message}`)
        }
        const most = factor * bytes.length + constant
        assert.ok(
          allocated <= most,
          `${allocated} bytes were asked for, expected at most ${most} for ${bytes.length}`,
        )
      }),
      { numRuns: RUNS },
    )
    // The good file is still one.
    put(path, good)
    await read(path)
    console.log(`${name}: ${refused} of ${RUNS} damaged files were refused`)
    assert.ok(refused > 0, 'no damage was noticed')
  })
}

const KIB = 1024

fuzz('CIFAR-10', async (dir) => {
  const names = Array.from({ length: 10 }, (_, i) => `c${i}`).join('\n')
  put(join(dir, 'batches.meta.txt'), names)
  put(
    join(dir, 'test_batch.bin'),
    cifarRecords(1, () => [0]),
  )
  const good = cifarRecords(3, (i) => [i])
  // Both files, and the pixels of both once more.
  return { file: 'data_batch_1.bin', good, read: () => cifar10(dir), factor: 2, constant: 16 * KIB }
})

fuzz('CIFAR-100 labels', async (dir) => {
  put(
    join(dir, 'train.bin'),
    cifarRecords(2, () => [0, 0]),
  )
  put(
    join(dir, 'test.bin'),
    cifarRecords(1, () => [0, 0]),
  )
  const good = Buffer.from(Array.from({ length: 100 }, (_, i) => `c${i}`).join('\n'))
  return { file: 'fine_label_names.txt', good, read: () => cifar100(dir), factor: 2, constant: 32 * KIB }
})

fuzz('IDX', async () => ({
  file: 'images',
  good: idx([20, 6, 5]),
  read: (path) => readIdx(path, 3),
  factor: 1,
  constant: 4 * KIB,
}))

fuzz('IDX, gzipped', async () => ({
  file: 'images.gz',
  good: gzipSync(idx([200, 6, 5], (i) => (i * i) >> 3)),
  read: (path) => readIdx(path, 3),
  factor: MOST_INFLATED + 1,
  constant: 1024 * KIB,
}))

fuzz('decoded inputs', async (dir) => {
  const path = join(dir, 'inputs')
  const writer = await InputsWriter.create(path, [2, 3, 4], 'floats')
  for (let i = 0; i < 30; ++i)
    await writer.add(
      new Uint8Array(16).fill(i),
      Float32Array.from({ length: 24 }, (_, j) => Math.sin(i + j)),
    )
  await writer.finish()
  const read = async (file: string): Promise<void> => {
    const inputs = await InputsFile.open(file)
    if (inputs === null) return
    const { count } = inputs.info
    await inputs
      .read(Uint32Array.from({ length: count }, (_, i) => count - 1 - i))
      .finally(() => inputs.close())
  }
  return { file: 'inputs', good: readFileSync(path), read, factor: 3, constant: 4 * KIB }
})

/** A small model file. */
async function modelFile(dir: string): Promise<{ file: string; good: Buffer }> {
  const file = 'model.safetensors'
  mkdirSync(dir, { recursive: true })
  await saveModel(join(dir, file), cnn(1, 2, { seed: 1 }))
  return { file, good: readFileSync(join(dir, file)) }
}

fuzz('safetensors', async (dir) => {
  return {
    ...{
      ...(await modelFile(dir)),
      read: readSafetensors,
      factor: 4,
      constant: 16 * KIB,
    },
    codes: ['ERR_FILE'],
  }
})

fuzz('model files', async (dir) => {
  // A header may describe a network with far more weights than the file has: they are counted before memory is taken.
  return {
    ...{
      ...(await modelFile(dir)),
      read: loadModel,
      factor: 16,
      constant: 64 * KIB,
    },
    codes: ['ERR_FILE', 'ERR_MODEL', 'ERR_NETWORK', 'ERR_SHAPE', 'ERR_NOT_FINITE', 'ERR_INVALID_ARGUMENT'],
  }
})

fuzz('layer ratios', async () => {
  const network = cnn(2, 4, { seed: 1 })
  const { ratios } = await prune(network, null, { method: 'magnitude', sparsity: 0.5 })
  const good = Buffer.from(JSON.stringify(ratios))
  const read = (path: string): Promise<unknown> => readRatios(path, network)
  return { file: 'ratios.json', good, read, factor: 4, constant: 16 * KIB, codes: ['ERR_MODEL', 'ERR_FILE'] }
})

for (const format of ['jpeg', 'png', 'webp'] as const)
  fuzz(`images: ${format}`, async () => {
    const [height, width] = [12, 10]
    const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * i) % 256)
    const good = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .toFormat(format)
      .toBuffer()
    // Only JavaScript's memory is counted: libvips has its own, bounded by the pixels that it may decode.
    const read = async (path: string): Promise<void> => {
      const file = { path, size: statSync(path).size }
      await imageShape(file)
      await decodeImage(file, [3, 8, 8], true)
    }
    return { file: `image.${format}`, good, read, factor: 1, constant: 64 * KIB }
  })

fuzz('archives', async (dir) => {
  const pack = tar.pack()
  for (const name of ['a.bin', 'b.txt'])
    pack.entry({ name: `data/${name}` }, Buffer.from(`${name} `.repeat(200)))
  pack.finalize()
  const parts: Uint8Array[] = []
  for await (const part of pack) parts.push(part as Uint8Array)
  // Not zipped, so that damage reaches the archive's own headers; zipped again before it is read.
  const out = join(dir, 'out')
  mkdirSync(out, { recursive: true })
  const read = async (path: string): Promise<void> => {
    const zipped = `${path}.gz`
    writeFileSync(zipped, gzipSync(readFileSync(path)))
    await unpack(zipped, ['a.bin', 'b.txt'], out)
    assert.equal(
      readdirSync(out).filter((name) => name !== 'a.bin' && name !== 'b.txt'),
      [],
    )
  }
  return { file: 'archive.tar', good: Buffer.concat(parts), read, factor: 16, constant: 2048 * KIB }
})

test('lies that no damage is likely to hit are refused before memory is taken', async () => {
  const path = join(folder, 'lie')
  const claims: readonly [Uint8Array, (file: string) => Promise<unknown>][] = [
    [idx([2 ** 31, 200, 200]), (file) => readIdx(file, 3)],
    [gzipSync(idx([2 ** 20, 100, 100])), (file) => readIdx(file, 3)],
    [Buffer.from('DZINPUT1'.padEnd(400, '\xff'), 'latin1'), (file) => InputsFile.open(file)],
  ]
  for (const [bytes, read] of claims) {
    put(path, bytes)
    let refused = false
    const allocated = await allocatedBy(() =>
      read(path).catch((error: unknown) => {
        refused = error instanceof DeepZeroError
      }),
    )
    assert.ok(refused)
    assert.ok(allocated < 2 ** 20 + 4096, `${allocated} bytes for a file of ${bytes.length}`)
  }
})

test('damage is spread over the whole file, and most at its ends', () => {
  const hits = new Array<number>(10).fill(0)
  for (const list of fc.sample(damages, 2000))
    for (const { at } of list) hits[Math.min(9, Math.floor(10 * at))]! += 1
  assert.ok(Math.min(...hits) > 50, hits.join(' '))
  assert.ok(Math.min(hits[0]!, hits[9]!) > 2 * Math.max(...hits.slice(1, 9)), hits.join(' '))
})

test('the counter of memory counts', async () => {
  const counted = await allocatedBy(async () => {
    const bytes = new Uint8Array(1000)
    new Float32Array(bytes.buffer)
    Buffer.alloc(50)
    Float32Array.from([1, 2])
    new Uint8Array(bytes)
  })
  assert.ok(counted >= 2058, String(counted))
  assert.ok(counted < 2200, String(counted))
})

test.run()
