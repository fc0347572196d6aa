/**
 * Files that are whole or not there: written to a temporary name in the same folder, synced, renamed, and the folder
 * synced. A process killed at any instant leaves the old file or the new one. System errors become `DeepZeroError`s
 * that name the file and say what to do.
 */
import { writeSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DeepZeroError, type ErrorCode } from './errors.ts'

/** What a system error means for the person who sees it. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist; check the path',
  ENOTDIR: 'a part of the path is a file, not a folder; check the path',
  EISDIR: 'it is a folder; give the path of a file',
  EEXIST: 'it exists already',
  EACCES: 'permission denied; check the rights of the file and its folder',
  EPERM: 'the operation is not permitted; check the rights of the file and its folder',
  EROFS: 'the file system is read-only; choose another place',
  ENOSPC: 'no space left on the disk; free some and try again',
  EFBIG: 'it would be larger than the file system or a limit of this process allows (ulimit -f)',
  EDQUOT: 'the disk quota is used up; free some space and try again',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  EIO: 'the disk reports an input/output error',
}

/** A system error as a `DeepZeroError`: "PATH: cannot be read: it does not exist; …". */
export function fileError(
  path: string,
  what: 'read' | 'written' | 'created' | 'renamed',
  error: unknown,
  code: ErrorCode = 'ERR_FILE',
): DeepZeroError {
  if (error instanceof DeepZeroError) return error
  const { code: errno, message } = error as NodeJS.ErrnoException
  const reason = (errno !== undefined && reasons[errno]) || message
  return new DeepZeroError(code, `${path}: cannot be ${what}: ${reason}`, { cause: error })
}

/** Whole content of a file. Throws a `DeepZeroError` with `code`, ERR_FILE unless given. */
export async function readBytes(path: string, code: ErrorCode = 'ERR_FILE'): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(path, 'read', error, code)
  }
}

/** Makes renames and new names inside a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    await handle.sync()
  } catch (error) {
    // Windows opens no folders; its renames are journalled.
    if (process.platform !== 'win32') throw fileError(path, 'written', error)
  } finally {
    await handle?.close()
  }
}

/**
 * Makes a folder and the folders above it; one that is there already is fine. Throws ERR_INVALID_ARGUMENT where a file
 * is there, else ERR_FILE. (Node's own recursive mkdir never returns on file systems that answer ENOENT to every
 * mkdir, /proc among them.)
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isFolder = (folder: string): Promise<boolean> =>
      stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      )
    if (code === 'EEXIST') {
      if (await isFolder(path)) return
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `${path}: expected a folder or the path of a new one, but a file is there; choose another path`,
      )
    }
    if (code !== 'ENOENT' || (await isFolder(dirname(path)))) throw fileError(path, 'created', error)
    await makeFolder(dirname(path))
    await makeFolder(path)
  }
}

/** Writes all bytes to an open file, where one write may take fewer. Throws the system's error. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

let written = 0

/**
 * Writes or replaces a file as a whole. Several parts are written one after another. Throws ERR_FILE, with the old
 * file untouched and the temporary one (`PATH.PID.N.tmp`) removed. Two writers of one path: the last rename wins.
 */
export async function writeAtomic(path: string, ...parts: readonly (Uint8Array | string)[]): Promise<void> {
  const temporary = `${path}.${process.pid}.${++written}.tmp`
  let handle: FileHandle | undefined
  let made = false
  try {
    handle = await open(temporary, 'wx')
    made = true
    for (const part of parts) await handle.appendFile(part)
    await handle.sync()
    await handle.close()
    handle = undefined
    await rename(temporary, path)
  } catch (error) {
    await handle?.close().catch(() => {})
    if (made) await rm(temporary, { force: true }).catch(() => {})
    throw fileError(path, 'written', error)
  }
  await syncFolder(dirname(path))
}
