/** Follows a run: looks at its directory once a second, and has the live page show what is new. */
import { setTimeout as pause } from 'node:timers/promises'
import { LiveServer } from './live-server.ts'
import type { WatchSettings } from './options.ts'
import { checkDataName, withDataSource } from './predictions.ts'
import { RunReader, type RunView } from './run-reader.ts'
import type { StatusKind } from './run-status.ts'
import { pageFacts, withPredictions } from './write-report.ts'

export interface WatchOptions extends WatchSettings {
  /** Ends it. */
  readonly signal: AbortSignal
  readonly onListen: (address: string) => void
  /** Told when the run stands differently. */
  readonly onStatus: (run: RunView) => void
}

const INTERVAL = 1000

const goesOn = (kind: StatusKind): boolean => kind === 'running' || kind === 'silent'

/** Resolves when the signal comes. Throws as `RunReader` and `LiveServer.start` do, ERR_DATA for a `data` that is none. */
export async function watchRun(directory: string, options: WatchOptions): Promise<void> {
  const { signal } = options
  if (options.predictions) await checkDataName(options.data)
  const reader = new RunReader(directory)
  const evaluations = new Evaluations(options)
  let read = await reader.read()
  // Nothing is evaluated before there is a server: where its port is taken, this ends at once.
  const server = await LiveServer.start(read, { ...options, facts: pageFacts() })
  try {
    let run = evaluations.addTo(read)
    server.update(run)
    options.onListen(server.address)
    options.onStatus(run)
    while (!signal.aborted) {
      const { kind } = run.status
      read = await readAgain(reader, read)
      run = evaluations.addTo(read)
      server.update(run)
      if (run.status.kind !== kind) options.onStatus(run)
      await pause(INTERVAL, undefined, { signal }).catch(() => {})
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await server.close()
    await evaluations.settled
  }
}

/** A directory that was removed, or cannot be read for a while, is a state of the run and not the end of watching. */
async function readAgain(reader: RunReader, last: RunView): Promise<RunView> {
  try {
    return await reader.read()
  } catch (error) {
    return { ...last, status: { kind: 'unknown', text: (error as Error).message } }
  }
}

/**
 * Adds predictions to a run that does not go on. They are made once for the same weights, while the page goes on to
 * follow; until they are there, they are among what is missing.
 */
class Evaluations {
  readonly #options: WatchOptions
  #weights: string | null = null
  #found: Pick<RunView, 'predictions' | 'missing'> | null = null
  #work: Promise<void> = Promise.resolve()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  addTo(run: RunView): RunView {
    if (!this.#options.predictions || run.weights === null) return run
    const without = (why: string): RunView => ({
      ...run,
      missing: [...run.missing, { what: 'confusion matrix and wrong images', why }],
    })
    if (goesOn(run.status.kind))
      return without('they are made when the run is at its end, so that they take no time from it')
    if (this.#weights !== run.weights.path) this.#start(run, run.weights.path)
    if (this.#found === null) return without('they are being made')
    const { predictions, missing } = this.#found
    return { ...run, predictions, missing: [...run.missing, ...missing] }
  }

  /** When nothing is being evaluated any more. */
  get settled(): Promise<void> {
    return this.#work
  }

  #start(run: RunView, weights: string): void {
    this.#weights = weights
    this.#found = null
    const before = this.#work
    this.#work = before
      .then(() =>
        withDataSource(this.#options.signal, (source) =>
          withPredictions({ ...run, missing: [] }, 1, { ...this.#options, source }),
        ),
      )
      .then((found) => {
        if (this.#weights === weights) this.#found = found
      })
      // It throws only when it is stopped.
      .catch(() => {})
  }
}
