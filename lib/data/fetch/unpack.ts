/**
 * Takes named files out of a .tar.gz: each is written as a whole, under its base name, into one folder. An archive with any
 * entry that would lie outside, or is a link or a device, is refused before anything of it gets its name, and so is one that
 * unpacks to more than deflate can make of its bytes.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import tar from 'tar-stream'
import { DeepZeroError } from '../../errors.ts'
import { fileError, syncFolder } from '../../files.ts'
import { MOST_INFLATED } from '../unzip.ts'

const refuse = (archive: string, what: string, cause?: unknown): DeepZeroError =>
  new DeepZeroError('ERR_DATA', `${archive}: ${what}; nothing was unpacked`, { cause })

/** Throws ERR_DATA for an entry that is no plain file or folder inside. */
function checkEntry(archive: string, name: string, type: string | null | undefined): void {
  const parts = name.split('/')
  if (name.startsWith('/') || parts.includes('..') || /[\\\0:]/.test(name))
    throw refuse(archive, `expected entries inside the archive's folder, found '${name}'`)
  if (type !== 'file' && type !== 'directory')
    throw refuse(archive, `expected plain files and folders, found '${name}' of type ${type}`)
}

/**
 * Unpacks the files with these base names. Throws ERR_DATA for an archive that is damaged or as above, or lacks one of the
 * files; ERR_FILE where they cannot be written; ERR_ABORTED.
 */
export async function unpack(
  archive: string,
  names: readonly string[],
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  const { size } = await stat(archive).catch((error) => {
    throw fileError(archive, 'read', error)
  })
  const made = new Map<string, string>()
  const extract = tar.extract()
  const take = async (): Promise<void> => {
    let left = MOST_INFLATED * size
    for await (const entry of extract) {
      const { name, type, size: bytes = 0 } = entry.header
      checkEntry(archive, name, type)
      left -= bytes
      if (left < 0) throw refuse(archive, 'it says that it holds more than its bytes can')
      const base = posix.basename(name)
      if (type !== 'file' || !names.includes(base)) {
        entry.resume()
        continue
      }
      if (made.has(base)) throw refuse(archive, `expected one file ${base}, found two`)
      const temporary = join(dir, `${base}.${process.pid}.tmp`)
      made.set(base, temporary)
      await write(temporary, entry as AsyncIterable<Uint8Array>)
    }
  }
  try {
    const options = signal === undefined ? {} : { signal }
    // The reader of entries fails first: the pipeline then only says that it ended too early.
    const reading = take()
    const feeding = pipeline(createReadStream(archive), createGunzip(), extract, options)
    const [read, fed] = await Promise.allSettled([
      reading.catch((error) => {
        extract.destroy(error as Error)
        throw error
      }),
      feeding,
    ])
    if (signal?.aborted)
      throw new DeepZeroError('ERR_ABORTED', 'unpacking was stopped', { cause: signal.reason })
    for (const result of [read, fed]) if (result.status === 'rejected') throw result.reason
    const missing = names.filter((name) => !made.has(name))
    if (missing.length > 0) throw refuse(archive, `expected a file ${missing[0]}, found none`)
    for (const [base, temporary] of made) await rename(temporary, join(dir, base))
    await syncFolder(dir)
  } catch (error) {
    for (const temporary of made.values()) await rm(temporary, { force: true }).catch(() => {})
    if (error instanceof DeepZeroError) throw error
    const system = (error as NodeJS.ErrnoException).syscall !== undefined
    throw system
      ? fileError(dir, 'written', error)
      : refuse(archive, `it cannot be unpacked (${(error as Error).message})`, error)
  }
}

async function write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'w')
    for await (const chunk of chunks) await handle.appendFile(chunk)
    await handle.sync()
  } finally {
    await handle?.close()
  }
}
