/**
 * One file over HTTP: into `NAME.part`, from where an earlier attempt stopped (a Range request), checked, then renamed. What
 * is at the name itself is whole, always. Attempts are repeated, with pauses, where that may help; then the next address is
 * tried.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { list } from '../../check.ts'
import { DeepZeroError } from '../../errors.ts'
import { fileError, syncFolder } from '../../files.ts'
import type { SourceFile } from './sources.ts'

/** Options of a download. */
export interface DownloadOptions {
  /** Stops it (ERR_ABORTED); what is there stays, to go on from. */
  readonly signal?: AbortSignal | undefined
  /** Bytes that are there, and in all (null where the server does not say). */
  readonly onProgress?: ((file: string, done: number, total: number | null) => void) | undefined
  /** Attempts at each address that may be down for a moment; 3 by default. */
  readonly attempts?: number | undefined
  /** Milliseconds before the second attempt, doubled for each after it; 1,000 by default. */
  readonly pauseMs?: number | undefined
  /** Milliseconds without a byte after which an attempt has failed; 30,000 by default. */
  readonly idleMs?: number | undefined
}

const stopped = (cause: unknown): DeepZeroError =>
  new DeepZeroError('ERR_ABORTED', 'the download was stopped; the same command goes on where it stopped', {
    cause,
  })

/** Why an attempt failed, and whether another one may do better. */
class Failed extends Error {
  readonly again: boolean

  constructor(message: string, again: boolean, cause?: unknown) {
    super(message, { cause })
    this.again = again
  }
}

/** Whether a file is there and is the one that the checksum belongs to. */
export async function isWhole(path: string, md5: string): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  return found?.isFile() === true && (await md5Of(path)) === md5
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  } catch (error) {
    throw fileError(path, 'read', error)
  }
  return hash.digest('hex')
}

/**
 * Makes `DIR/NAME` be there, whole. Throws ERR_DOWNLOAD when no address gives it, or gives another file than the checksum
 * belongs to; ERR_FILE where it cannot be written; ERR_ABORTED, after which what was received stays in `NAME.part`.
 */
export async function download(
  { name, md5 }: SourceFile,
  addresses: readonly string[],
  dir: string,
  options: DownloadOptions = {},
): Promise<void> {
  const path = join(dir, name)
  if (await isWhole(path, md5)) return
  const failures: string[] = existsSync(path) ? [`${path} is there, but it is damaged or another file`] : []
  for (const address of addresses) {
    const url = new URL(name, address)
    const failure = await attempts(url, `${path}.part`, md5, name, options)
    if (failure === null) {
      await rename(`${path}.part`, path).catch((error) => {
        throw fileError(path, 'written', error)
      })
      return syncFolder(dirname(path))
    }
    failures.push(`${url.href}: ${failure}`)
  }
  throw new DeepZeroError(
    'ERR_DOWNLOAD',
    `${name} could not be downloaded: ${failures.join('; ')}. Check the network, or download it by another way from ` +
      `${list(addresses)}, put it into ${dir} and run the same command again: it is checked and used`,
  )
}

/** Tries one address a few times. Gives null, or why it failed. */
async function attempts(
  url: URL,
  part: string,
  md5: string,
  name: string,
  options: DownloadOptions,
): Promise<string | null> {
  const { attempts: most = 3, pauseMs = 1000, signal } = options
  for (let attempt = 1; ; ++attempt) {
    try {
      await receive(url, part, name, options)
      const received = await md5Of(part)
      if (received === md5) return null
      await rm(part, { force: true })
      throw new Failed(
        `expected a file with the MD5 checksum ${md5}, received one with ${received}`,
        attempt === 1,
      )
    } catch (error) {
      if (signal?.aborted) throw stopped(signal.reason)
      if (!(error instanceof Failed)) throw error
      if (!error.again || attempt >= most)
        return attempt === 1 ? error.message : `${error.message} (${attempt} attempts)`
    }
    await pause(pauseMs * 2 ** (attempt - 1), undefined, signal && { signal }).catch((reason) => {
      throw stopped(reason)
    })
  }
}

/** One request, for what is missing of the file. */
async function receive(url: URL, part: string, name: string, options: DownloadOptions): Promise<void> {
  const { signal, onProgress, idleMs = 30_000 } = options
  let have = (await stat(part).catch(() => null))?.size ?? 0
  const watch = new Watchdog(idleMs, signal)
  let handle: FileHandle | undefined
  try {
    const response = await request(url, have, watch.signal)
    if (response.status === 416) {
      // Nothing is missing, or the part is of another file: its checksum tells.
      await response.body?.cancel()
      return
    }
    if (response.status !== 206) have = 0
    else if (rangeStart(response) !== have)
      throw new Failed('the server sent another part than asked for', false)
    const rest = Number(response.headers.get('content-length') ?? Number.NaN)
    const total = Number.isSafeInteger(rest) ? have + rest : null
    handle = await open(part, have > 0 ? 'a' : 'w').catch((error) => {
      throw fileError(part, 'written', error)
    })
    onProgress?.(name, have, total)
    for await (const chunk of bodyOf(response, url)) {
      watch.seen()
      await handle.appendFile(chunk).catch((error) => {
        throw fileError(part, 'written', error)
      })
      have += chunk.length
      onProgress?.(name, have, total)
    }
    if (total !== null && have < total)
      throw new Failed(`the connection ended after ${have} of ${total} bytes`, true)
    await handle.sync().catch((error) => {
      throw fileError(part, 'written', error)
    })
  } catch (error) {
    if (watch.idle) throw new Failed(`nothing came for ${idleMs / 1000} s`, true, error)
    throw error
  } finally {
    watch.stop()
    await handle?.close()
  }
}

async function request(url: URL, have: number, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, {
      signal,
      // Compressed on the way, bytes would not be those of the range.
      headers: { 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) },
    })
  } catch (error) {
    throw new Failed(reasonOf(error), !isHopeless(error), error)
  }
  if (response.ok || response.status === 416) return response
  await response.body?.cancel()
  const { status, statusText } = response
  throw new Failed(`the server answered ${status} ${statusText}`.trim(), status >= 500 || status === 429)
}

async function* bodyOf(response: Response, url: URL): AsyncGenerator<Uint8Array> {
  if (response.body === null) throw new Failed(`${url.href} has no content`, false)
  try {
    for await (const chunk of response.body) yield chunk as Uint8Array
  } catch (error) {
    throw new Failed(`the connection broke (${reasonOf(error)})`, true, error)
  }
}

const rangeStart = (response: Response): number =>
  Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN)

/** What a failed fetch says, which is in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  const code = cause?.code
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'the name of the server cannot be looked up, as where there is no network'
  if (code === 'ECONNREFUSED') return 'the server refuses connections'
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH')
    return 'the server cannot be reached, as where there is no network'
  return cause?.message || message
}

/** Where a second attempt a second later would fail as well. */
const isHopeless = (error: unknown): boolean => {
  const code = (error as { cause?: { code?: string } }).cause?.code
  return code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENETUNREACH'
}

/** Aborts when nothing was seen for some time, or when another signal does. */
class Watchdog {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #outer: AbortSignal | undefined
  readonly #forward = (): void => this.#controller.abort(this.#outer?.reason)
  idle = false

  constructor(milliseconds: number, outer: AbortSignal | undefined) {
    this.#outer = outer
    if (outer?.aborted) this.#forward()
    outer?.addEventListener('abort', this.#forward)
    this.#timer = setTimeout(() => {
      this.idle = true
      this.#controller.abort()
    }, milliseconds)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  seen(): void {
    this.#timer.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#forward)
  }
}
