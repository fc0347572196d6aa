/**
 * safetensors: a little-endian u64 header length, a JSON header `{name: {dtype, shape, data_offsets: [begin, end]}}`
 * with an optional `__metadata__` of strings, then the tensors' bytes. The reader is strict: the tensors must cover
 * the data exactly, without holes and overlaps, and every name occurs once. Formats that a typed array cannot show
 * (F16, BF16) are given as their bits. Multi-byte values are little-endian, as on every platform Node.js supports here.
 */
import { isObject, list, refusal, show } from './check.ts'
import { DeepZeroError } from './errors.ts'
import { readBytes } from './files.ts'
import { type FileKind, writeOutput } from './output-file.ts'

const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const

export type Dtype = keyof typeof arrays
/** Values of a tensor, by its dtype; F16 and BF16 as their bits. */
export type TensorData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array

/** One tensor of a file. */
export interface Tensor {
  /** Type of its elements, as the format names it. */
  readonly dtype: Dtype
  /** Outermost dimension first. */
  readonly shape: readonly number[]
  /** Row-major; the product of `shape` is its length. */
  readonly data: TensorData
}

/** What a file holds. */
export interface Safetensors {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Texts by key. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Upper bound of the header, as in the format's reference implementation. */
const MAX_HEADER = 100_000_000
const METADATA = '__metadata__'

/** Told by the length of a JSON header that fits the file. */
export const safetensorsFile: FileKind = {
  name: 'a safetensors file',
  matches: (start, size) =>
    start.length > 8 && Buffer.from(start).readBigUInt64LE() <= size - 8 && start[8] === 0x7b,
}

/** A safetensors file whose metadata, first in the header, gives it this format. */
export const safetensorsOf = (name: string, format: string): FileKind => ({
  name,
  matches: (start, size) =>
    safetensorsFile.matches(start, size) &&
    Buffer.from(start).includes(`{"__metadata__":{"format":"${format}"`),
})

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)

/** Number of elements; undefined for a shape that is not a list of sizes. */
function elements(shape: unknown): number | undefined {
  if (!isSizes(shape)) return undefined
  const count = shape.reduce((product, n) => product * n, 1)
  return Number.isSafeInteger(count) ? count : undefined
}

/** The first name that occurs twice in one object of a (valid) JSON text; JSON.parse would keep the last silently. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []
  const colon = /\s*:/y
  for (let at = 0; at < json.length; ++at) {
    const token = json[at]
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token === '"') {
      const begin = at
      // By hand: a regular expression runs out of stack on a string of some megabytes.
      for (++at; json[at] !== '"'; ++at) if (json[at] === '\\') ++at
      colon.lastIndex = at + 1
      if (!colon.test(json)) continue
      const name = JSON.parse(json.slice(begin, at + 1)) as string
      const names = open.at(-1)
      if (names?.has(name)) return name
      names?.add(name)
    }
  }
  return undefined
}

/** A value of the header in a message: a short list as it is, anything else by its kind. */
function brief(value: unknown): string {
  const scalars = (list: unknown[]): boolean =>
    list.every((item) => typeof item !== 'object' && show(item).length < 40)
  return Array.isArray(value) && value.length <= 8 && scalars(value) ? JSON.stringify(value) : show(value)
}

interface Entry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/**
 * Decodes the bytes of a safetensors file; the tensors are copies. `file` names it in errors. Throws ERR_FILE.
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): Safetensors {
  const fail = (message: string): never => {
    throw new DeepZeroError('ERR_FILE', `${file}: not a valid safetensors file: ${message}`)
  }
  if (bytes.length < 8) fail(`expected at least 8 bytes, received ${bytes.length}`)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (length > MAX_HEADER) fail(`expected a header of at most ${MAX_HEADER} bytes, received ${length}`)
  if (8 + length > bytes.length)
    fail(
      `the header says ${length} bytes, the file has ${bytes.length - 8} after its length; it is truncated`,
    )
  const { json, header } = parseHeader(bytes.subarray(8, 8 + length), fail)
  const twice = duplicateKey(json)
  if (twice !== undefined) fail(`the name '${twice}' occurs twice in the header`)

  let metadata: Record<string, string> = {}
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = checkMetadata(value, fail)
    else entries.push(checkEntry(name, value, fail))
  }
  const data = bytes.subarray(8 + length)
  checkCover(entries, data.length, fail)
  const tensors = new Map<string, Tensor>()
  for (const { name, dtype, shape, begin, end } of entries)
    tensors.set(name, {
      dtype,
      shape,
      data: new arrays[dtype](new Uint8Array(data.subarray(begin, end)).buffer),
    })
  return { tensors, metadata }
}

type Fail = (message: string) => never

function parseHeader(bytes: Uint8Array, fail: Fail): { json: string; header: object } {
  let json = ''
  let header: unknown
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    header = JSON.parse(json)
  } catch (error) {
    fail(`expected a JSON header, received ${(error as Error).message}`)
  }
  if (!isObject(header)) return fail('expected the header to be a JSON object')
  return { json, header }
}

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  const strings = isObject(value) && Object.values(value).every((text) => typeof text === 'string')
  return strings ? (value as Record<string, string>) : fail(`expected ${METADATA} to map names to strings`)
}

function checkEntry(name: string, value: unknown, fail: Fail): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  if (typeof dtype !== 'string' || !Object.hasOwn(arrays, dtype))
    return fail(
      `tensor '${name}': expected dtype ${Object.keys(arrays).join(', ')}, received ${brief(dtype)}`,
    )
  const count = elements(shape)
  if (count === undefined)
    return fail(`tensor '${name}': expected a shape of sizes, received ${brief(shape)}`)
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return fail(`tensor '${name}': expected data_offsets [begin, end], received ${brief(offsets)}`)
  const [begin, end] = offsets as [number, number]
  const expected = count * arrays[dtype as Dtype].BYTES_PER_ELEMENT
  if (end - begin !== expected)
    fail(
      `tensor '${name}': ${dtype} [${(shape as number[]).join(', ')}] takes ${expected} bytes, ` +
        `its data_offsets [${begin}, ${end}] give ${end - begin}`,
    )
  return { name, dtype: dtype as Dtype, shape: shape as number[], begin, end }
}

/** The tensors must tile the data: no hole, no overlap, nothing left. */
function checkCover(entries: readonly Entry[], size: number, fail: Fail): void {
  let reached = 0
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > size)
      fail(`tensor '${name}' ends at byte ${end} of the data, the file has ${size}; it is truncated`)
    if (begin < reached) fail(`tensor '${name}' begins at byte ${begin}, inside the tensor before it`)
    if (begin > reached) fail(`${begin - reached} bytes before tensor '${name}' belong to no tensor`)
    reached = end
  }
  if (reached !== size) fail(`the tensors end at byte ${reached} of the data, the file has ${size}`)
}

/** Reads a safetensors file. Throws ERR_FILE with its path when it cannot be read or is not valid. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return decodeSafetensors(await readBytes(path), path)
}

/**
 * Encodes tensors. They are stored by falling element size, so that every one is aligned, and in the given order
 * within a size; the header is padded with blanks to a multiple of 8. Throws ERR_INVALID_ARGUMENT.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header = new Map<string, unknown>()
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string') throw refusal(`metadata: ${key}`, 'a string', value)
  if (Object.keys(metadata).length > 0) header.set(METADATA, metadata)
  let offset = 0
  const bytes = ([, { data }]: readonly [string, Tensor]): number => data.BYTES_PER_ELEMENT
  const ordered = [...tensors].sort((a, b) => bytes(b) - bytes(a))
  for (const [name, { dtype, shape, data }] of ordered) {
    const fail = (message: string): never => {
      throw new DeepZeroError('ERR_INVALID_ARGUMENT', `tensor '${name}': ${message}`)
    }
    if (header.has(name) || name === METADATA) fail('the name is taken')
    if (!Object.hasOwn(arrays, dtype))
      fail(`expected dtype ${list(Object.keys(arrays))}, received ${show(dtype)}`)
    if (!(data instanceof arrays[dtype])) fail(`expected ${arrays[dtype].name} for ${dtype}`)
    if (elements(shape) !== data.length)
      fail(`expected ${elements(shape)} elements for shape [${shape.join(', ')}], received ${data.length}`)
    header.set(name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] })
    offset += data.byteLength
  }
  // Object.fromEntries defines own keys, so that a tensor may even be called __proto__.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const length = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + length + offset).fill(0x20, 8, 8 + length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(json, 8)
  let at = 8 + length
  for (const [, { data }] of ordered) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return out
}

/**
 * Writes a safetensors file, whole or not at all, and makes its folder. Throws ERR_FILE, or ERR_INVALID_ARGUMENT for tensors
 * that do not fit and where another kind of file is there.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeOutput(path, safetensorsFile, encodeSafetensors(tensors, metadata))
}
