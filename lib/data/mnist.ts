/**
 * A folder with MNIST, Fashion-MNIST or another set of the same form: four IDX files, `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte` (also with a dot for the last hyphen but
 * one, and gzipped as `.gz`). Images have one channel. The files hold no class names: those of `classes.txt` are taken, one
 * a line, where there is such a file, and else the labels themselves.
 */
import { join } from 'node:path'
import { requireString } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { readBytes } from '../files.ts'
import { namesIn } from './cifar-records.ts'
import { checkLabels, type LabelledImages, type Shape, type Splits } from './dataset.ts'
import { namesInFolder, refuseMissing } from './folder.ts'
import { readIdx } from './idx.ts'
import { meanAndDeviation } from './statistics.ts'

const WANTED =
  'expected a folder with MNIST or a set of its form: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each also as .gz'

const PARTS = { train: 'train', test: 't10k' } as const
const KINDS = { images: 'idx3', labels: 'idx1' } as const

/** The names that a file may have, best first. */
export const idxNames = (split: keyof typeof PARTS, kind: keyof typeof KINDS): string[] =>
  ['-', '.'].flatMap((mark) => {
    const name = `${PARTS[split]}-${kind}${mark}${KINDS[kind]}-ubyte`
    return [name, `${name}.gz`]
  })

/**
 * Reads the four files; mean and deviation are those of the training images. Throws ERR_DATA: missing files, what
 * `readIdx` refuses, more or fewer labels than images, test images of another size, fewer class names than labels.
 */
export async function mnist(dir: string): Promise<Splits<LabelledImages>> {
  requireString('data folder', dir)
  const present = await namesInFolder(dir, WANTED)
  const find = (split: keyof typeof PARTS, kind: keyof typeof KINDS): string | undefined =>
    idxNames(split, kind).find((name) => present.has(name))
  refuseMissing(
    dir,
    (['train', 'test'] as const).flatMap((split) =>
      (['images', 'labels'] as const).flatMap((kind) =>
        find(split, kind) ? [] : [idxNames(split, kind)[0]!],
      ),
    ),
    WANTED,
  )
  const read = (split: keyof typeof PARTS) =>
    readSplit(join(dir, find(split, 'images')!), join(dir, find(split, 'labels')!))
  const train = await read('train')
  const test = await read('test')
  if (test.shape.join() !== train.shape.join())
    throw new DeepZeroError(
      'ERR_DATA',
      `${dir}: expected test images of ${train.shape.join('×')} like the training images, received ${test.shape.join('×')}`,
    )
  const classes = await classNames(dir, present, Math.max(largest(train.labels), largest(test.labels)) + 1)
  for (const [split, { labels }] of Object.entries({ train, test }))
    checkLabels(labels, classes.length, join(dir, `classes.txt beside the ${split} labels`))
  const name = 'mnist'
  const { shape } = train
  const common = { shape, classes, ...meanAndDeviation(train.images, shape) }
  return {
    name,
    train: { name: `${name} train`, ...train, ...common },
    test: { name: `${name} test`, ...test, ...common },
    classes,
    shape,
  }
}

const largest = (labels: Uint8Array): number => labels.reduce((most, label) => Math.max(most, label), 0)

async function readSplit(
  imageFile: string,
  labelFile: string,
): Promise<Pick<LabelledImages, 'images' | 'labels' | 'count'> & { shape: Shape }> {
  const { dimensions, values: images } = await readIdx(imageFile, 3)
  const { values: labels } = await readIdx(labelFile, 1)
  const [count, height, width] = dimensions as [number, number, number]
  if (labels.length !== count)
    throw new DeepZeroError(
      'ERR_DATA',
      `${labelFile}: expected ${count} labels, one for each image of ${imageFile}, received ${labels.length}`,
    )
  return { images, labels, count, shape: [1, height, width] }
}

async function classNames(dir: string, present: Set<string>, atLeast: number): Promise<string[]> {
  if (!present.has('classes.txt')) return Array.from({ length: atLeast }, (_, label) => String(label))
  return namesIn(await readBytes(join(dir, 'classes.txt'), 'ERR_DATA'))
}
