/**
 * A folder of images by class, `train/CLASS/*.jpg` and `test/CLASS/*.jpg` (or `val/`). They are decoded once, into a file
 * beside them (`decoded-split.ts`), and batches are read from that: memory holds one label per image and the batches at
 * hand, whatever the size of the folder.
 */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { checkOptions, requireInteger, requireString, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import type { Dataset, Shape, Splits } from './dataset.ts'
import { imageShape } from './decode.ts'
import { type DecodeOptions, decodedSplit } from './decoded-split.ts'
import { namesInFolder } from './folder.ts'
import { type ListedImage, type Listing, listImages, splitName } from './image-listing.ts'

/** Options of `imageFolder`. */
export interface ImageFolderOptions extends DecodeOptions {
  /** Height and width that all images are scaled to; by default that of the first one, which all must then have. */
  readonly size?: number | undefined
  /** 1 for grey, 3 for colour; by default what the first image has. */
  readonly channels?: number | undefined
  /** Folder for the decoded images; `.deepzero-cache` in the data folder by default. */
  readonly cache?: string | undefined
}

/** In the data folder, unless another folder is chosen. */
export const CACHE = '.deepzero-cache'

const TESTS = ['test', 'val'] as const

const WANTED =
  'expected a folder with images by class: train/CLASS/*.jpg and test/CLASS/*.jpg (.png, .webp; val/ in the place of test/)'

/**
 * Opens a folder of images, decoding what is not decoded yet. Mean and deviation are those of the training images. Throws
 * ERR_DATA: no such folders, a class without images or unknown to the training split, an image that cannot be decoded or
 * has another size; ERR_FILE where decoded images cannot be kept; ERR_ABORTED.
 */
export async function imageFolder(dir: string, options: ImageFolderOptions = {}): Promise<Splits> {
  requireString('data folder', dir)
  checkOptions(options, {
    size: rule.integer({ min: 1, max: 4096 }),
    channels: (name, value) => {
      if (value !== 1) requireInteger(name, value, { min: 3, max: 3 })
    },
    cache: rule.string(),
    signal: rule.instance(AbortSignal),
    onProgress: rule.function(),
    scratch: rule.string(),
  })
  const present = await namesInFolder(dir, WANTED)
  const testName = TESTS.find((name) => present.has(name))
  if (!present.has('train') || testName === undefined)
    throw new DeepZeroError(
      'ERR_DATA',
      `${dir}: ${present.has('train') ? 'test/' : 'train/'} not found; ${WANTED}`,
    )
  const train = await listImages(join(dir, 'train'))
  const test = await listImages(join(dir, testName), train.classes)
  const shape = await chooseShape(train, options)
  const cached = await cacheFiles(dir, options, shape)
  const total = train.images.length + test.images.length
  const open = async (split: string, { classes, images }: Listing, before: number): Promise<Dataset> => {
    const file = await decodedSplit(images, shape, options.size !== undefined, cached(split), {
      signal: options.signal,
      scratch: options.scratch,
      onProgress: options.onProgress && ((done) => options.onProgress?.(before + done, total)),
    })
    const { mean, std, fingerprint } = file.info
    return {
      name: splitName(dir, split),
      count: images.length,
      shape,
      classes,
      mean,
      std,
      labels: Int32Array.from(images, ({ label }) => label),
      read: (indices) => file.read(indices),
      fingerprint,
    }
  }
  const trainSet = await open('train', train, 0)
  const testSet = await open(testName, test, train.images.length)
  const { mean, std, classes } = trainSet
  return { name: basename(dir), train: trainSet, test: { ...testSet, mean, std }, classes, shape }
}

/**
 * The file for the decoded images of a split: one for each shape, and another where images are scaled to it, which is
 * written over when images change. In a folder that others may share its name ends in 16 digits of the SHA-256 of the
 * data folder's path, without links.
 */
async function cacheFiles(
  dir: string,
  { cache, size: scaled }: ImageFolderOptions,
  shape: Shape,
): Promise<(split: string) => string> {
  const size = `${shape.join('x')}${scaled === undefined ? '' : '-scaled'}`
  if (cache === undefined) return (split) => join(dir, CACHE, `${split}-${size}.inputs`)
  const place = createHash('sha256')
    .update(await realpath(dir))
    .digest('hex')
    .slice(0, 16)
  return (split) => join(cache, `${split}-${size}-${place}.inputs`)
}

async function chooseShape({ images }: Listing, { size, channels }: ImageFolderOptions): Promise<Shape> {
  if (size !== undefined && channels !== undefined) return [channels, size, size]
  const [own, height, width] = await imageShape(images[0] as ListedImage)
  return [channels ?? own, size ?? height, size ?? width]
}
