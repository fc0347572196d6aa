/**
 * The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning multiple layers of features from tiny images",
 * 2009): files of records, one or two label bytes and 3,072 pixel bytes (red, green and blue planes, row by row), and a
 * text file with one class name a line. What is read takes as much memory as the files.
 */
import { DeepZeroError } from '../errors.ts'
import { readBytes } from '../files.ts'
import type { LabelledImages } from './dataset.ts'

export const CIFAR_SHAPE = [3, 32, 32] as const
const PIXELS = 3 * 32 * 32

export interface RecordLayout {
  /** For messages: `CIFAR-10`. */
  readonly format: string
  /** Bytes in front of the pixels, and which of them is the label. */
  readonly labelBytes: number
  readonly labelByte: number
  readonly classes: number
}

/** Class names of a text file. Throws ERR_DATA for another number of them. */
export async function readClassNames(path: string, count: number): Promise<string[]> {
  const names = namesIn(await readBytes(path, 'ERR_DATA'))
  if (names.length !== count)
    throw new DeepZeroError('ERR_DATA', `${path}: expected ${count} class names, received ${names.length}`)
  return names
}

/** Lines of a text that are not empty. */
export const namesIn = (bytes: Uint8Array): string[] =>
  new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')

type Records = Pick<LabelledImages, 'images' | 'labels' | 'count'>

/** Records of several files, one after another. Throws ERR_DATA. */
export async function readRecords(paths: readonly string[], layout: RecordLayout): Promise<Records> {
  const files: { path: string; bytes: Uint8Array }[] = []
  for (const path of paths) {
    const bytes = await readBytes(path, 'ERR_DATA')
    checkSize(path, bytes.length, layout)
    files.push({ path, bytes })
  }
  const record = layout.labelBytes + PIXELS
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0)
  const images = new Uint8Array(count * PIXELS)
  const labels = new Uint8Array(count)
  let at = 0
  for (const { path, bytes } of files) {
    for (let start = 0; start < bytes.length; start += record, ++at) {
      const label = bytes[start + layout.labelByte] as number
      if (label >= layout.classes)
        throw new DeepZeroError(
          'ERR_DATA',
          `${path}: expected labels from 0 to ${layout.classes - 1}, received ${label} in record ${start / record} ` +
            `(counted from 0); the file is damaged or not ${layout.format}`,
        )
      labels[at] = label
      images.set(bytes.subarray(start + layout.labelBytes, start + record), at * PIXELS)
    }
  }
  return { images, labels, count }
}

function checkSize(path: string, size: number, { labelBytes }: RecordLayout): void {
  const record = labelBytes + PIXELS
  const over = size % record
  if (size > 0 && over === 0) return
  const received =
    size === 0
      ? 'received an empty file'
      : `received ${size} bytes: ${Math.floor(size / record)} records and ${over} bytes over`
  const what = labelBytes === 1 ? 'one label' : 'two labels'
  throw new DeepZeroError(
    'ERR_DATA',
    `${path}: expected a multiple of ${record} bytes (${what} and ${PIXELS} pixels a record), ${received}; ` +
      'the file is truncated or not in the binary format: copy it again',
  )
}
