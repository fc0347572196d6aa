/**
 * CIFAR-10 in its binary format (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): files of
 * records, one label byte and 3,072 pixel bytes (red, green and blue planes, row by row). A folder holds
 * `data_batch_1.bin` … `data_batch_5.bin` (those that exist are read, in order), `test_batch.bin` and
 * `batches.meta.txt` with one class name a line.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { requireString } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { fileError, readBytes } from '../files.ts'
import type { Dataset, Splits } from './dataset.ts'

const SHAPE = [3, 32, 32] as const
const PIXELS = 3 * 32 * 32
const RECORD = 1 + PIXELS
const CLASSES = 10
const TRAIN_FILES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)

/** Of CIFAR-10's training images, pixel values scaled to [0, 1]. */
const MEAN = [0.4914, 0.4822, 0.4465] as const
const STD = [0.2471, 0.2435, 0.2616] as const

const WANTED =
  'expected a folder with the CIFAR-10 binary version: data_batch_1.bin (to _5), test_batch.bin and batches.meta.txt'

/**
 * Reads CIFAR-10 from a folder. Throws ERR_DATA: missing folder or files, a size that is no whole number of records,
 * a label above 9, other than ten class names.
 */
export async function cifar10(dir: string): Promise<Splits> {
  requireString('data folder', dir)
  const present = await listFolder(dir)
  const trainFiles = TRAIN_FILES.filter((name) => present.has(name))
  const missing = ['test_batch.bin', 'batches.meta.txt'].filter((name) => !present.has(name))
  if (trainFiles.length === 0) missing.unshift('data_batch_1.bin')
  if (missing.length > 0)
    throw new DeepZeroError('ERR_DATA', `${dir}: ${missing.join(' and ')} not found; ${WANTED}`)
  const classes = await readClasses(join(dir, 'batches.meta.txt'))
  const make = async (split: string, names: readonly string[]): Promise<Dataset> => ({
    name: `cifar10 ${split}`,
    ...(await readRecords(names.map((name) => join(dir, name)))),
    shape: SHAPE,
    classes,
    mean: MEAN,
    std: STD,
  })
  const train = await make('train', trainFiles)
  const test = await make('test', ['test_batch.bin'])
  return { name: 'cifar10', train, test, classes, shape: SHAPE }
}

async function listFolder(dir: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(dir))
  } catch (error) {
    const failed = fileError(dir, 'read', error, 'ERR_DATA')
    throw new DeepZeroError('ERR_DATA', `${failed.message}; ${WANTED}`, { cause: error })
  }
}

async function readClasses(path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readBytes(path, 'ERR_DATA'))
  const classes = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (classes.length !== CLASSES)
    throw new DeepZeroError(
      'ERR_DATA',
      `${path}: expected ${CLASSES} class names, received ${classes.length}`,
    )
  return classes
}

/** Records of several files, one after another. */
async function readRecords(paths: readonly string[]): Promise<Pick<Dataset, 'images' | 'labels' | 'count'>> {
  const files = await Promise.all(
    paths.map(async (path) => ({ path, bytes: await readBytes(path, 'ERR_DATA') })),
  )
  for (const { path, bytes } of files) checkSize(path, bytes.length)
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0)
  const images = new Uint8Array(count * PIXELS)
  const labels = new Uint8Array(count)
  let at = 0
  for (const { path, bytes } of files) {
    for (let start = 0; start < bytes.length; start += RECORD, ++at) {
      const label = bytes[start] as number
      if (label >= CLASSES)
        throw new DeepZeroError(
          'ERR_DATA',
          `${path}: expected labels from 0 to ${CLASSES - 1}, received ${label} in record ${start / RECORD} ` +
            '(counted from 0); the file is damaged or not CIFAR-10',
        )
      labels[at] = label
      images.set(bytes.subarray(start + 1, start + RECORD), at * PIXELS)
    }
  }
  return { images, labels, count }
}

function checkSize(path: string, size: number): void {
  const over = size % RECORD
  if (size > 0 && over === 0) return
  const received =
    size === 0
      ? 'received an empty file'
      : `received ${size} bytes: ${Math.floor(size / RECORD)} records and ${over} bytes over`
  throw new DeepZeroError(
    'ERR_DATA',
    `${path}: expected a multiple of ${RECORD} bytes (one label and ${PIXELS} pixels a record), ${received}; ` +
      'the file is truncated or not in the binary format: copy it again',
  )
}
