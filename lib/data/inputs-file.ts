/**
 * Inputs of a data set in a file, to be read from any place: decoded images, or what an iterable gave.
 *
 *     8 bytes       "DZINPUT1"
 *     N records     C·H·W bytes, or as many float32 numbers, little endian
 *     N entries     16 bytes: key of the record; 4 bytes: CRC-32 of the record
 *     J bytes       JSON: format, shape, numbers, count, mean, std, fingerprint
 *     4 bytes       J
 *     32 bytes      SHA-256 of entries and JSON
 *
 * Integers are little endian. `inputs-writer.ts` writes it. A file that is not as it says is refused, and a record is
 * compared with its CRC when it is read.
 *
 * The file stays open as long as something may read from it: when another one gets its name, records still come from the
 * one that the table belongs to. A data set is a plain object that nobody closes, so the garbage collector does; the file is
 * a plain descriptor and no `FileHandle`, which complains when it is left to the collector.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'
import { type Inputs, type Shape, sizeOf } from './dataset.ts'

export const MAGIC = 'DZINPUT1'
export const FORMAT = 'deepzero-inputs/1'
export const KEY_BYTES = 16
export const ENTRY_BYTES = KEY_BYTES + 4
const TAIL_BYTES = 4 + 32
const MOST_JSON = 2 ** 16

export type Numbers = 'bytes' | 'floats'

/** The JSON. */
export interface InputsInfo {
  readonly format: typeof FORMAT
  readonly shape: Shape
  readonly numbers: Numbers
  readonly count: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** SHA-256 of all records. */
  readonly fingerprint: string
}

export const recordBytes = ({ shape, numbers }: Pick<InputsInfo, 'shape' | 'numbers'>): number =>
  sizeOf(shape) * (numbers === 'floats' ? 4 : 1)

/** Runs of neighbours are read at once, up to this many bytes. */
const MOST_AT_ONCE = 2 ** 22
/** Reads that wait for the system at a time. */
const IN_FLIGHT = 64

const open = promisify(fs.open)
const fstat = promisify(fs.fstat)
const read = promisify(fs.read)
const close = promisify(fs.close)

/** Closes the files that nothing reads from any more. */
const unused = new FinalizationRegistry<number>((file) => void close(file).catch(() => {}))

export class InputsFile {
  readonly path: string
  readonly info: InputsInfo
  readonly #file: number
  readonly #entries: Buffer

  private constructor(path: string, file: number, info: InputsInfo, entries: Buffer) {
    this.path = path
    this.info = info
    this.#file = file
    this.#entries = entries
    unused.register(this, file, this)
  }

  /**
   * Opens a file; null when there is none. Throws ERR_DATA when it is something else, or damaged. Takes no more memory than
   * the file has bytes. It is closed by `close`, or some time after the last reference to it is gone.
   */
  static async open(path: string): Promise<InputsFile | null> {
    let file: number
    try {
      file = await open(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw fileError(path, 'read', error, 'ERR_DATA')
    }
    try {
      const { size } = await fstat(file)
      const { info, entries } = await readEnd(path, file, size)
      return new InputsFile(path, file, info, entries)
    } catch (error) {
      await close(file)
      throw fileError(path, 'read', error, 'ERR_DATA')
    }
  }

  /** Once, when no `read` is running; none may come after it. */
  async close(): Promise<void> {
    unused.unregister(this)
    await close(this.#file)
  }

  /** Key of a record, in hexadecimal digits. */
  key(record: number): string {
    return this.#entries.toString('hex', record * ENTRY_BYTES, record * ENTRY_BYTES + KEY_BYTES)
  }

  /** The records with these numbers, one after another. Throws ERR_DATA when one is not as it was written. */
  async read(indices: Uint32Array): Promise<Inputs> {
    const size = recordBytes(this.info)
    const bytes = new Uint8Array(indices.length * size)
    try {
      const reading: Promise<void>[] = []
      for (let first = 0; first < indices.length; ) {
        const run = runLength(indices, first, Math.max(1, Math.floor(MOST_AT_ONCE / size)))
        const position = MAGIC.length + (indices[first] as number) * size
        reading.push(
          fill(this.#file, bytes.subarray(first * size, (first + run) * size), position, this.path),
        )
        first += run
        if (reading.length === IN_FLIGHT || first === indices.length) await Promise.all(reading.splice(0))
      }
    } catch (error) {
      throw fileError(this.path, 'read', error, 'ERR_DATA')
    }
    indices.forEach((index, i) => {
      const expected = this.#entries.readUInt32LE(index * ENTRY_BYTES + KEY_BYTES)
      if (crc32(bytes.subarray(i * size, (i + 1) * size)) !== expected)
        throw damaged(this.path, `record ${index} is not what was written`)
    })
    return this.info.numbers === 'floats' ? new Float32Array(bytes.buffer) : bytes
  }
}

/** How many places from `first` on hold consecutive numbers, at most `most`. */
function runLength(indices: Uint32Array, first: number, most: number): number {
  let run = 1
  while (run < most && indices[first + run] === (indices[first] as number) + run) run += 1
  return run
}

const damaged = (path: string, what: string): DeepZeroError =>
  new DeepZeroError(
    'ERR_DATA',
    `${path}: expected a whole file of decoded inputs, but ${what}; delete it, and it is made anew`,
  )

/** Fills `bytes` from a position of the file. */
async function fill(file: number, bytes: Uint8Array, position: number, path: string): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await read(file, bytes, at, bytes.length - at, position + at)
    if (bytesRead === 0) throw damaged(path, 'it ends too early')
    at += bytesRead
  }
}

async function readEnd(
  path: string,
  file: number,
  size: number,
): Promise<{ info: InputsInfo; entries: Buffer }> {
  const part = async (position: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(length)
    await fill(file, bytes, position, path)
    return bytes
  }
  if (size < MAGIC.length || (await part(0, MAGIC.length)).toString('latin1') !== MAGIC)
    throw new DeepZeroError(
      'ERR_DATA',
      `${path}: expected a file of decoded inputs, received something else; it is left as it is: move it away, or ` +
        'choose another folder for the cache',
    )
  if (size < MAGIC.length + TAIL_BYTES) throw damaged(path, 'it ends too early')
  const tail = await part(size - TAIL_BYTES, TAIL_BYTES)
  const length = tail.readUInt32LE(0)
  const jsonAt = size - TAIL_BYTES - length
  if (length > MOST_JSON || jsonAt < MAGIC.length) throw damaged(path, 'its end is not readable')
  const json = await part(jsonAt, length)
  const info = parseInfo(path, json.toString('utf8'))
  const entriesAt = jsonAt - info.count * ENTRY_BYTES
  if (entriesAt !== MAGIC.length + info.count * recordBytes(info))
    throw damaged(path, `its size is not that of ${info.count} records`)
  const entries = await part(entriesAt, info.count * ENTRY_BYTES)
  const hash = createHash('sha256').update(entries).update(json).digest()
  if (!hash.equals(tail.subarray(4))) throw damaged(path, 'its table is not what was written')
  return { info, entries }
}

function parseInfo(path: string, text: string): InputsInfo {
  let info: Partial<InputsInfo> | null = null
  try {
    info = JSON.parse(text)
  } catch {
    // Refused below.
  }
  if (info?.format !== undefined && info.format !== FORMAT)
    throw damaged(path, `its format is ${String(info.format)}, and ${FORMAT} is read here`)
  const count = (value: unknown): boolean =>
    typeof value === 'number' && Number.isSafeInteger(value) && value > 0
  const numbers = (values: unknown, length: number): boolean =>
    Array.isArray(values) && values.length === length && values.every(Number.isFinite)
  if (
    info !== null &&
    count(info.count) &&
    Array.isArray(info.shape) &&
    info.shape.length === 3 &&
    info.shape.every(count) &&
    (info.numbers === 'bytes' || info.numbers === 'floats') &&
    numbers(info.mean, info.shape[0]) &&
    numbers(info.std, info.shape[0]) &&
    typeof info.fingerprint === 'string'
  )
    return info as InputsInfo
  throw damaged(path, 'its end is not readable')
}
