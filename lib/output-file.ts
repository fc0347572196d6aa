/**
 * The files that commands and functions write for people, by one rule: folders above a file are made; a file that is
 * there already is replaced if it is empty or of the kind that is written, and anything else stays, as do the files of a
 * checkpoint. Each kind is defined beside the code that writes it.
 */
import { constants, existsSync, type Stats } from 'node:fs'
import { access, type FileHandle, open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DeepZeroError } from './errors.ts'
import { fileError, makeFolder, writeAtomic } from './files.ts'

/** A kind of file, told by its beginning. */
export interface FileKind {
  /** With an article, for messages: `an ONNX model`. */
  readonly name: string
  /** `start`: the first bytes, 4096 at most. */
  readonly matches: (start: Uint8Array, size: number) => boolean
  /** What can be done where something else is to be replaced. */
  readonly otherwise?: string
}

const START = 4096

/**
 * Makes the folders of a file that is to be written, and refuses to replace something of another kind. Commands call it
 * before they work for long. Throws ERR_INVALID_ARGUMENT, or ERR_FILE where the folder cannot be made or written to, or the file not read.
 */
export async function prepareOutput(path: string, kind: FileKind): Promise<void> {
  const found = await stat(path).catch(() => null)
  const what = found === null ? null : await inTheWay(path, found, kind)
  if (what === null && !/[\\/]$/.test(path)) {
    await makeFolder(dirname(path))
    return access(dirname(path), constants.W_OK).catch((error) => {
      throw fileError(path, 'written', error)
    })
  }
  throw new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `${path}: expected the path of a new file or of ${kind.name} to replace, but ${what ?? 'this is the path of a folder'}; choose another path${kind.otherwise ?? ''}`,
  )
}

/** What must not be replaced; null where the file may be. */
async function inTheWay(path: string, found: Stats, kind: FileKind): Promise<string | null> {
  if (found.isDirectory()) return 'a folder is there'
  if (!found.isFile()) return 'a device or the like is there'
  if (existsSync(join(dirname(path), 'state.json'))) return 'a file of a checkpoint is there'
  if (found.size === 0 || kind.matches(await startOf(path), found.size)) return null
  return 'another kind of file is there'
}

async function startOf(path: string): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(START), 0, START, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw fileError(path, 'read', error)
  } finally {
    await file?.close()
  }
}

/** Writes a file whole or not at all, after `prepareOutput`. Throws as that, and ERR_FILE. */
export async function writeOutput(
  path: string,
  kind: FileKind,
  ...parts: readonly (Uint8Array | string)[]
): Promise<void> {
  await prepareOutput(path, kind)
  await writeAtomic(path, ...parts)
}
