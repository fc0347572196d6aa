/** What a data folder holds, by name. */
import { readdir } from 'node:fs/promises'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'

/** Names in a folder. Throws ERR_DATA, with what was wanted there, when it cannot be read. */
export async function namesInFolder(dir: string, wanted: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(dir))
  } catch (error) {
    const failed = fileError(dir, 'read', error, 'ERR_DATA')
    throw new DeepZeroError('ERR_DATA', `${failed.message}; ${wanted}`, { cause: error })
  }
}

/** Throws ERR_DATA when files are missing. */
export function refuseMissing(dir: string, missing: readonly string[], wanted: string): void {
  if (missing.length > 0)
    throw new DeepZeroError('ERR_DATA', `${dir}: ${missing.join(' and ')} not found; ${wanted}`)
}
