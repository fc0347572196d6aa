/**
 * The live view of a run: a page on HTTP and its changes as server-sent events. Two addresses, `/` and `/events`, are
 * served, and nothing of the run's files but what the page shows. A request under a foreign name (header Host) is refused,
 * so that a page elsewhere cannot read this one through DNS rebinding.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { hostname } from 'node:os'
import { DeepZeroError } from '../errors.ts'
import { type PageFacts, page, sections, stateOf, titleOf } from './page.ts'
import type { RunView } from './run-reader.ts'

export interface LiveOptions {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  readonly facts: PageFacts
}

/** Pages that may follow at once; each holds a connection. */
const MOST_FOLLOWERS = 32
/** Milliseconds between signs of life on a connection where nothing changes. */
const HEARTBEAT = 15_000
/** Bytes that may wait for a reader; one that is slower is dropped, and comes back by itself. */
const MOST_WAITING = 8 << 20

const securityHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const

/** Without the brackets of IPv6 and the port; null where there is none. */
function nameIn(header: string | undefined): string | null {
  const match = header?.match(/^(?:\[([0-9a-f:.]+)\]|([^:[\]/@]+))(?::\d{1,5})?$/i)
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}

/** Whether a page asked for under this Host is one for us: an address, localhost, or a name of this machine. */
export function isOurs(header: string | undefined, host: string): boolean {
  const name = nameIn(header)
  if (name === null) return false
  return (
    name === 'localhost' ||
    isIP(name) !== 0 ||
    name === host.toLowerCase() ||
    name === hostname().toLowerCase()
  )
}

export class LiveServer {
  /** Where the page is. */
  readonly address: string
  readonly #server: Server
  readonly #facts: PageFacts
  readonly #followers = new Set<ServerResponse>()
  readonly #heartbeat: NodeJS.Timeout
  #run: RunView
  #parts: ReadonlyMap<string, string>

  private constructor(server: Server, { host, facts }: LiveOptions, run: RunView) {
    const { port, address, family } = server.address() as AddressInfo
    const any = address === '0.0.0.0' || address === '::'
    const shown = any ? hostname() : family === 'IPv6' ? `[${address}]` : address
    this.address = `http://${shown}:${port}/`
    this.#server = server
    this.#facts = facts
    this.#run = run
    this.#parts = partsOf(run)
    this.#heartbeat = setInterval(() => this.#toAll(':\n\n'), HEARTBEAT)
    server.on('request', (request, response) => this.#answer(request, response, host))
  }

  /** Throws ERR_INVALID_ARGUMENT for a host or port that cannot be had. */
  static async start(run: RunView, options: LiveOptions): Promise<LiveServer> {
    const { host, port } = options
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
      server.listen(port, host, resolve)
    })
    return new LiveServer(server, options, run)
  }

  /** Sends the parts of the page that are different now. */
  update(run: RunView): void {
    const parts = partsOf(run)
    const changed = [...parts].filter(([id, text]) => this.#parts.get(id) !== text)
    this.#run = run
    this.#parts = parts
    if (changed.length > 0) this.#toAll(partsEvent(run, changed))
  }

  /** Tells the pages that the end has come, and closes. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    this.#toAll('event: closed\ndata: {}\n\n')
    for (const follower of this.#followers) follower.end()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // What pages have not taken by then they do not get.
    setTimeout(() => this.#server.closeAllConnections(), 500).unref()
    this.#server.closeIdleConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse, host: string): void {
    const { method, url, headers } = request
    if (!isOurs(headers.host, host)) {
      refuse(response, 421, 'expected the address that deepzero watch printed; --host names another one')
    } else if (url !== '/' && url !== '/events') {
      refuse(response, 404, 'there is nothing here but / and /events')
    } else if (method !== 'GET') {
      refuse(response, 405, 'expected GET', { Allow: 'GET' })
    } else if (url === '/') {
      response.writeHead(200, {
        ...securityHeaders,
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': "frame-ancestors 'none'",
      })
      response.end(page([this.#run], this.#facts, true))
    } else {
      this.#follow(response)
    }
  }

  #follow(response: ServerResponse): void {
    if (this.#followers.size >= MOST_FOLLOWERS) {
      refuse(response, 503, `expected at most ${MOST_FOLLOWERS} pages that follow; close some`)
      return
    }
    response.writeHead(200, { ...securityHeaders, 'Content-Type': 'text/event-stream; charset=utf-8' })
    this.#followers.add(response)
    response.on('close', () => this.#followers.delete(response))
    // A page that was loaded, or lost its connection, a while ago gets everything as it is.
    response.write(`retry: 2000\n\n${partsEvent(this.#run, [...this.#parts])}`)
  }

  #toAll(text: string): void {
    for (const follower of this.#followers) {
      if (follower.writableLength > MOST_WAITING) follower.destroy()
      else follower.write(text)
    }
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  more: Record<string, string> = {},
): void {
  response.writeHead(status, { ...securityHeaders, 'Content-Type': 'text/plain; charset=utf-8', ...more })
  response.end(`${text}\n`)
}

const partsOf = (run: RunView): ReadonlyMap<string, string> =>
  new Map([...sections([run])].map(([id, { text }]) => [id, text]))

/** One line of JSON: no line of an event may hold a line break. */
function partsEvent(run: RunView, changed: readonly (readonly [string, string])[]): string {
  const parts = changed.map(([id, text]) => [id, { state: stateOf(text), text }] as const)
  const data = { title: `${titleOf([run])} – deepzero`, parts: Object.fromEntries(parts) }
  return `event: parts\ndata: ${JSON.stringify(data)}\n\n`
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): DeepZeroError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there; --port 0 takes any that is free',
    EACCES: 'it takes rights that this user has not; choose a port from 1024 on, or --port 0',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name is not known',
  }
  const reason = reasons[error.code ?? ''] ?? error.message
  return new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `${host}, port ${port}: expected an address to listen on, but ${reason}`,
    {
      cause: error,
    },
  )
}
