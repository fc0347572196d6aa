/** Downloads a data set into a folder that `openFolder` reads: files checked, archives unpacked. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkOptions, refusal, requireObject, requireString, rule } from '../../check.ts'
import { makeFolder, writeAtomic } from '../../files.ts'
import { type DownloadOptions, download, isWhole } from './download.ts'
import type { Source } from './sources.ts'
import { unpack } from './unpack.ts'

/** Options of `fetchData`. */
export interface FetchOptions extends DownloadOptions {
  /** Another address that has the same files, in the place of those of the source. */
  readonly from?: string | undefined
}

/** What was done: nothing where all was there. */
export interface Fetched {
  /** Names of the files that were not there before. */
  readonly downloaded: readonly string[]
}

/**
 * Makes the files of a source be in `dir`. What is there already is checked and kept; what was half downloaded goes on.
 * Throws ERR_INVALID_ARGUMENT, ERR_DOWNLOAD, ERR_FILE, ERR_DATA (an archive that is not what it should be) or ERR_ABORTED.
 */
export async function fetchData(source: Source, dir: string, options: FetchOptions = {}): Promise<Fetched> {
  requireObject('source', source)
  if (!Array.isArray(source.addresses) || !Array.isArray(source.files))
    throw refusal('source', 'one of `sources`, or addresses and files like those', source)
  requireString('dir', dir)
  checkOptions(options, {
    from: rule.string(),
    signal: rule.instance(AbortSignal),
    onProgress: rule.function(),
    attempts: rule.integer({ min: 1 }),
    pauseMs: rule.number({ min: 0 }),
    idleMs: rule.number({ min: 0 }),
  })
  const { from, ...downloading } = options
  if (from !== undefined && !URL.canParse(from))
    throw refusal('options.from', 'an address such as https://example.org/mnist/', from)
  await makeFolder(dir)
  if (source.unpacks !== undefined && (await allThere(dir, source.unpacks))) return { downloaded: [] }
  const addresses = from === undefined ? source.addresses : [withSlash(from)]
  const downloaded: string[] = []
  for (const file of source.files) {
    const path = join(dir, file.name)
    if (await isWhole(path, file.md5)) continue
    await download(file, addresses, dir, downloading)
    downloaded.push(file.name)
  }
  if (source.unpacks !== undefined) {
    for (const { name } of source.files) {
      await unpack(join(dir, name), source.unpacks, dir, options.signal)
      await rm(join(dir, name), { force: true })
    }
  }
  if (source.classes !== undefined)
    await writeAtomic(join(dir, 'classes.txt'), `${source.classes.join('\n')}\n`)
  return { downloaded }
}

const withSlash = (address: string): string => (address.endsWith('/') ? address : `${address}/`)

/** Files that were unpacked were whole: each got its name at the end. */
async function allThere(dir: string, names: readonly string[]): Promise<boolean> {
  const found = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => null)))
  return found.every((file) => file?.isFile() === true && file.size > 0)
}
