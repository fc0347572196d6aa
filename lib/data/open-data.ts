/**
 * Any data folder: what it holds is told by the names in it.
 *
 * | format | told by |
 * |---|---|
 * | CIFAR-10, binary | `data_batch_1.bin`, `test_batch.bin` or `batches.meta.txt` |
 * | CIFAR-100, binary | `train.bin`, `test.bin` or `fine_label_names.txt` |
 * | MNIST and its kin, IDX | `train-images-idx3-ubyte`, also `.gz` |
 * | images by class | the folder `train/` |
 */
import { join } from 'node:path'
import { checkOptions, requireString, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { cifar10 } from './cifar10.ts'
import { cifar100, type LabelKind, labelKinds } from './cifar100.ts'
import type { Splits } from './dataset.ts'
import { namesInFolder } from './folder.ts'
import { type ImageFolderOptions, imageFolder } from './image-folder.ts'
import { idxNames, mnist } from './mnist.ts'

/** Formats by the name that messages and `deepzero data inspect` give them. */
export const formats = {
  cifar10: 'CIFAR-10, binary version',
  cifar100: 'CIFAR-100, binary version',
  idx: 'IDX files (MNIST and its kin)',
  images: 'images by class',
} as const
/** Name of a format of data. */
export type Format = keyof typeof formats

/** Options of image folders are refused for other formats, and `labels` for all but CIFAR-100. */
export interface OpenDataOptions extends ImageFolderOptions {
  /** Which labels of CIFAR-100. */
  readonly labels?: LabelKind | undefined
}

const WANTED =
  'expected a folder with the binary version of CIFAR-10 (data_batch_1.bin …) or CIFAR-100 (train.bin …), MNIST files ' +
  '(train-images-idx3-ubyte, also .gz) or images (train/CLASS/*.jpg); `deepzero data fetch` downloads the first three'

const signs: readonly (readonly [Format, readonly string[]])[] = [
  ['cifar10', ['data_batch_1.bin', 'test_batch.bin', 'batches.meta.txt']],
  ['cifar100', ['train.bin', 'test.bin', 'fine_label_names.txt']],
  ['idx', [...idxNames('train', 'images'), ...idxNames('test', 'images')]],
  ['images', ['train']],
]

const formatOf = (names: ReadonlySet<string>): Format | undefined =>
  signs.find(([, files]) => files.some((file) => names.has(file)))?.[0]

/** The format of a folder. Throws ERR_DATA when it is none of those known, with a folder in it that is where there is one. */
export async function detectFormat(dir: string): Promise<Format> {
  requireString('data folder', dir)
  const names = await namesInFolder(dir, WANTED)
  const format = formatOf(names)
  if (format !== undefined) return format
  for (const name of [...names].sort().slice(0, 20)) {
    const inside = await namesInFolder(join(dir, name), WANTED).then(formatOf, () => undefined)
    if (inside !== undefined)
      throw new DeepZeroError(
        'ERR_DATA',
        `${dir}: expected a data folder, but ${join(dir, name)} is one (${formats[inside]}); name that instead`,
      )
  }
  throw new DeepZeroError('ERR_DATA', `${dir}: no known data found; ${WANTED}`)
}

/** Opens a data folder of any format. Throws as the reader of its format. */
export async function openFolder(
  dir: string,
  options: OpenDataOptions = {},
): Promise<Splits & { readonly format: Format }> {
  checkOpenOptions(options)
  return openAs(await detectFormat(dir), dir, options)
}

function checkOpenOptions(options: OpenDataOptions): void {
  checkOptions(options, {
    labels: rule.oneOf(labelKinds),
    ...{
      size: rule.any,
      channels: rule.any,
      cache: rule.any,
      signal: rule.any,
      onProgress: rule.any,
      scratch: rule.any,
    },
  })
}

/** Opens a folder whose format is known. */
export async function openAs(
  format: Format,
  dir: string,
  options: OpenDataOptions,
): Promise<Splits & { readonly format: Format }> {
  const { labels, size, channels, cache, signal, onProgress, scratch } = options
  refuseOtherFormats(dir, format, { labels, size, channels, cache })
  if (format === 'cifar10') return { format, ...(await cifar10(dir)) }
  if (format === 'cifar100') return { format, ...(await cifar100(dir, { labels })) }
  if (format === 'idx') return { format, ...(await mnist(dir)) }
  return { format, ...(await imageFolder(dir, { size, channels, cache, signal, onProgress, scratch })) }
}

/** The one format that reads an option. */
const readBy = { labels: 'cifar100', size: 'images', channels: 'images', cache: 'images' } as const

/** Refuses an option of another format than that of `where`. Throws ERR_INVALID_ARGUMENT; `label` names the option in it. */
export function refuseOtherFormats(
  where: string,
  format: Format | 'builtin',
  options: Pick<OpenDataOptions, keyof typeof readBy>,
  label: (name: keyof typeof readBy) => string = (name) => `options.${name}`,
): void {
  const found = format === 'builtin' ? 'generated images' : formats[format]
  for (const [name, of] of Object.entries(readBy) as [keyof typeof readBy, Format][])
    if (options[name] !== undefined && of !== format)
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `${label(name)}: expected data with ${formats[of]}, for which it is; ${where} has ${found}`,
      )
}
