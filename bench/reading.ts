/**
 * How fast data is read, and whether the engine waits for it.
 *
 *     node --import tsx bench/reading.ts --cifar10 DIR --images DIR [--image-size N] [--work DIR]
 *
 * `--cifar10` is a folder with the binary version, of which files of the other formats are made in `--work` (a temporary
 * folder unless given); `--images` is a folder of images by class. Prints for each format how many images a second were
 * read from files to a set, and from the set to shuffled and augmented batches of 256, and the median and longest time that
 * a step of a small network waited for its batch. Files are in the page cache when they are read: they were just written, or
 * are read once before. With `--image-size` only the image folder is looked at, scaled to that size, and nothing trained.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import {
  cifar10,
  cnn,
  type Dataset,
  fromIterable,
  imageFolder,
  loadBatches,
  openFolder,
  type Splits,
  splitsOf,
  train,
} from '../lib/index.ts'

const { values } = parseArgs({
  options: {
    cifar10: { type: 'string' },
    images: { type: 'string' },
    'image-size': { type: 'string' },
    work: { type: 'string' },
  },
})
const work = values.work ?? mkdtempSync(join(tmpdir(), 'deepzero-reading-'))
const size = values['image-size'] === undefined ? undefined : Number(values['image-size'])

const perSecond = (count: number, seconds: number): string =>
  Math.round(count / seconds).toLocaleString('en-US')
const mib = (): string => `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`

async function timed<T>(what: () => Promise<T>): Promise<[T, number]> {
  const begun = performance.now()
  const result = await what()
  return [result, (performance.now() - begun) / 1000]
}

/** Images a second through all batches of an epoch. */
async function batchRate(set: Dataset): Promise<string> {
  let count = 0
  const options = { batchSize: 256, shuffle: true, augment: set.labels !== undefined }
  const [, seconds] = await timed(async () => {
    for await (const batch of loadBatches(set, options)) count += batch.count
  })
  return perSecond(count, seconds)
}

/** Steps of a network whose steps are short; its waiting times in milliseconds beside the time of a step. */
async function waits(data: Splits): Promise<string> {
  const network = cnn(1, 4, { classes: data.classes.length, input: data.shape })
  const waited: number[] = []
  const seconds: number[] = []
  const options = {
    epochs: 1,
    batchSize: 256,
    sparsity: 0.9,
    maxSteps: 60,
    augment: true,
    evaluateBatchSize: 256,
  }
  for await (const event of train(network, { ...data, test: data.train }, options)) {
    if (event.type !== 'step') continue
    waited.push(1000 * event.waited)
    seconds.push(1000 * event.seconds)
    if (event.step === 60) break
  }
  const sorted = waited.slice(1).sort((a, b) => a - b)
  const median = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1]!
  return (
    `step ${median(seconds).toFixed(1)} ms, waited ${median(sorted).toFixed(2)} ms (longest ` +
    `${sorted.at(-1)!.toFixed(2)}; first batch ${waited[0]!.toFixed(1)})`
  )
}

async function report(format: string, open: () => Promise<Splits>): Promise<void> {
  const [data, seconds] = await timed(open)
  const count = data.train.count + data.test.count
  const line = [
    format.padEnd(26),
    `${perSecond(count, seconds)} images/s read`.padEnd(26),
    `${await batchRate(data.train)} images/s to batches`.padEnd(30),
  ]
  // Before the engine takes memory of its own.
  const peak = mib()
  console.log(`${line.join('  ')}  ${size === undefined ? await waits(data) : ''}  (peak so far ${peak})`)
}

function put(name: string, bytes: Uint8Array): void {
  mkdirSync(join(work, name, '..'), { recursive: true })
  writeFileSync(join(work, name), bytes)
}

/** Files of CIFAR-100, with the labels of CIFAR-10 twice. */
function writeCifar100({ train: trainSet, test }: Awaited<ReturnType<typeof cifar10>>): void {
  for (const [name, { images, labels, count }] of Object.entries({ train: trainSet, test })) {
    const out = new Uint8Array(count * 3074)
    for (let i = 0; i < count; ++i) {
      out.fill(labels[i]!, i * 3074, i * 3074 + 2)
      out.set(images.subarray(i * 3072, (i + 1) * 3072), i * 3074 + 2)
    }
    put(`cifar100/${name}.bin`, out)
  }
  for (const [kind, count] of [
    ['fine', 100],
    ['coarse', 20],
  ] as const)
    put(
      `cifar100/${kind}_label_names.txt`,
      Buffer.from(Array.from({ length: count }, (_, i) => `c${i}`).join('\n')),
    )
}

/** IDX files of the green channel. */
function writeIdx({ train: trainSet, test }: Awaited<ReturnType<typeof cifar10>>): void {
  for (const [name, { images, labels, count }] of Object.entries({ train: trainSet, t10k: test })) {
    const pixels = new Uint8Array(16 + count * 1024)
    pixels.set([0, 0, 8, 3])
    const head = new DataView(pixels.buffer)
    for (const [i, n] of [count, 32, 32].entries()) head.setUint32(4 + 4 * i, n)
    for (let i = 0; i < count; ++i)
      pixels.set(images.subarray(i * 3072 + 1024, i * 3072 + 2048), 16 + i * 1024)
    const classes = new Uint8Array(8 + count)
    classes.set([0, 0, 8, 1])
    new DataView(classes.buffer).setUint32(4, count)
    classes.set(labels, 8)
    put(`idx/${name}-images-idx3-ubyte`, pixels)
    put(`idx/${name}-labels-idx1-ubyte`, classes)
    put(`idx-gz/${name}-images-idx3-ubyte.gz`, gzipSync(pixels))
    put(`idx-gz/${name}-labels-idx1-ubyte.gz`, gzipSync(classes))
  }
}

async function spooled(set: Awaited<ReturnType<typeof cifar10>>['train'], name: string): Promise<Dataset> {
  const samples = function* () {
    for (let i = 0; i < set.count; ++i)
      yield { input: set.images.subarray(i * 3072, (i + 1) * 3072), label: set.labels[i]! }
  }
  const { shape, classes } = set
  return fromIterable(samples(), { shape, classes, spool: join(work, name) })
}

try {
  if (values.cifar10 !== undefined && size === undefined) {
    const dir = values.cifar10
    const source = await cifar10(dir)
    writeCifar100(source)
    writeIdx(source)
    await report('CIFAR-10, binary', () => openFolder(dir))
    await report('CIFAR-100, binary', () => openFolder(join(work, 'cifar100')))
    await report('IDX', () => openFolder(join(work, 'idx')))
    await report('IDX, gzipped', () => openFolder(join(work, 'idx-gz')))
    await report('iterable, in memory', async () => {
      const memory = async (set: typeof source.train): Promise<Dataset> => {
        const { shape, classes, images, labels } = set
        const samples = Array.from(labels, (label, i) => ({
          input: images.subarray(i * 3072, (i + 1) * 3072),
          label,
        }))
        return fromIterable(samples, { shape, classes })
      }
      return splitsOf(await memory(source.train), await memory(source.test))
    })
    await report('iterable, spooled', async () =>
      splitsOf(await spooled(source.train, 'spool-train'), await spooled(source.test, 'spool-test')),
    )
  }
  if (values.images !== undefined) {
    const dir = values.images
    const options = { cache: join(work, 'cache'), ...(size !== undefined && { size }) }
    await report(`images, decoded${size ? ` to ${size}` : ''}`, () => imageFolder(dir, options))
    await report('images, decoded before', () => imageFolder(dir, options))
  }
} finally {
  if (values.work === undefined) rmSync(work, { recursive: true, force: true })
}
