/**
 * Files that may be gzipped, without trust in what they say of themselves. Deflate makes at most 1,032 bytes of one, so a
 * file whose content should be more than that many times its size is refused before memory is taken for it.
 */
import { pipeline } from 'node:stream/promises'
import { createGunzip, gunzipSync, constants as zlib } from 'node:zlib'
import { DeepZeroError } from '../errors.ts'
import { readBytes } from '../files.ts'

/** Most bytes that deflate makes of one. */
export const MOST_INFLATED = 1032

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

const damaged = (path: string, error: unknown): DeepZeroError =>
  new DeepZeroError(
    'ERR_DATA',
    `${path}: cannot be unzipped (${(error as Error).message}); the file is truncated or damaged: copy it again`,
    { cause: error },
  )

/**
 * The content of a file, unzipped when it begins as gzip does. `sizeOf` says from the first bytes of the content, up to
 * `head` of them, how many it has in all; anything else is refused. Throws ERR_DATA.
 */
export async function readMaybeZipped(
  path: string,
  head: number,
  sizeOf: (start: Uint8Array) => number,
): Promise<Uint8Array> {
  const { buffer, byteOffset, length } = await readBytes(path, 'ERR_DATA')
  // No Buffer, whose `slice` shares memory.
  const bytes = new Uint8Array(buffer, byteOffset, length)
  return isGzip(bytes)
    ? unzip(path, bytes, head, sizeOf)
    : checkedSize(path, bytes, sizeOf(bytes.subarray(0, head)))
}

function checkedSize(path: string, bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes
  throw new DeepZeroError(
    'ERR_DATA',
    `${path}: expected ${size} bytes, as its header says, received ${bytes.length}; the file is truncated or damaged: copy it again`,
  )
}

async function unzip(
  path: string,
  bytes: Uint8Array,
  head: number,
  sizeOf: (start: Uint8Array) => number,
): Promise<Uint8Array> {
  const size = sizeOf(firstBytes(path, bytes, head))
  if (size > MOST_INFLATED * bytes.length)
    throw new DeepZeroError(
      'ERR_DATA',
      `${path}: its header says ${size} bytes, which ${bytes.length} zipped ones cannot hold; the file is damaged: copy it again`,
    )
  let content: Uint8Array
  let at = 0
  try {
    // Node may not have that much.
    content = new Uint8Array(size)
    await pipeline([bytes], createGunzip(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        if (at + chunk.length > size) throw new Error(`more than the ${size} bytes that its header says`)
        content.set(chunk, at)
        at += chunk.length
      }
    })
  } catch (error) {
    throw damaged(path, error)
  }
  return checkedSize(path, content.subarray(0, at), size)
}

/** Up to `head` bytes of what gzipped bytes hold, from as little of them as may be needed. */
function firstBytes(path: string, bytes: Uint8Array, head: number): Uint8Array {
  try {
    // Enough for a gzip header with a name, and at most 1 MiB of content; sync flush gives what can be told from a part.
    const options = { finishFlush: zlib.Z_SYNC_FLUSH }
    return gunzipSync(bytes.subarray(0, 1024), options).subarray(0, head)
  } catch (error) {
    throw damaged(path, error)
  }
}
