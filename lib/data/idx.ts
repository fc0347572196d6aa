/**
 * IDX files, the format of MNIST (LeCun, Cortes and Burges): two zero bytes, a byte for the type of the numbers (8:
 * unsigned bytes), a byte for how many dimensions there are, each of them as a 32-bit number (big endian), and the numbers.
 * Plain or gzipped.
 */
import { DeepZeroError } from '../errors.ts'
import { readMaybeZipped } from './unzip.ts'

export interface IdxFile {
  readonly dimensions: readonly number[]
  /** As many as the product of the dimensions. */
  readonly values: Uint8Array
}

const UNSIGNED_BYTES = 8

/**
 * Reads an IDX file of bytes with this many dimensions. Throws ERR_DATA: not an IDX file, of another type or number of
 * dimensions, a dimension of 0, or more or fewer bytes than its header says. Takes at most 1,033 times the file's size in
 * memory, and 1 MiB: what a gzipped file unzips to.
 */
export async function readIdx(path: string, dimensionCount: number): Promise<IdxFile> {
  const head = 4 + 4 * dimensionCount
  let dimensions: number[] = []
  const bytes = await readMaybeZipped(path, head, (start) => {
    dimensions = readDimensions(path, start, dimensionCount)
    return head + product(dimensions)
  })
  return { dimensions, values: bytes.subarray(head) }
}

const product = (dimensions: readonly number[]): number => dimensions.reduce((size, n) => size * n, 1)

function readDimensions(path: string, start: Uint8Array, count: number): number[] {
  const refuse = (what: string): DeepZeroError =>
    new DeepZeroError(
      'ERR_DATA',
      `${path}: expected an IDX file of bytes with ${count} dimension${count === 1 ? '' : 's'}, ${what}`,
    )
  if (start.length < 4 || start[0] !== 0 || start[1] !== 0)
    throw refuse('received something else; check that it is what its name says')
  if (start[2] !== UNSIGNED_BYTES) throw refuse(`received numbers of type ${start[2]}`)
  if (start[3] !== count) throw refuse(`received ${start[3]}`)
  if (start.length < 4 + 4 * count) throw refuse('received a file that ends in its header; copy it again')
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const dimensions = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i))
  if (dimensions.includes(0)) throw refuse(`received ${dimensions.join('×')}, which is nothing`)
  if (!Number.isSafeInteger(product(dimensions)))
    throw refuse(`received ${dimensions.join('×')}; the file is damaged`)
  return dimensions
}
