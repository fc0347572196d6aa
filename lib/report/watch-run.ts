/** Follows a run: looks at its directory once a second, and has the live page show what is new. */
import { setTimeout as pause } from 'node:timers/promises'
import { LiveServer } from './live-server.ts'
import type { WatchSettings } from './options.ts'
import { dataSource, type Predictions } from './predictions.ts'
import { type Missing, RunReader, type RunView } from './run-reader.ts'
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

/** Resolves when the signal comes. Throws as `RunReader` and `LiveServer.start` do. */
export async function watchRun(directory: string, options: WatchOptions): Promise<void> {
  const { signal } = options
  const reader = new RunReader(directory)
  const evaluated = evaluations(options)
  let run = await reader.read()
  const server = await LiveServer.start(run, { ...options, facts: pageFacts() })
  options.onListen(server.address)
  options.onStatus(run)
  try {
    while (!signal.aborted) {
      const { kind } = run.status
      run = await evaluated(await readAgain(reader, run))
      server.update(run)
      if (run.status.kind !== kind) options.onStatus(run)
      await pause(INTERVAL, undefined, { signal }).catch(() => {})
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await server.close()
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

/** Adds predictions to a run that is not going on; they are made once for the same weights. */
function evaluations(options: WatchOptions): (run: RunView) => Promise<RunView> {
  let done: { key: string; predictions: Predictions | null; missing: readonly Missing[] } | null = null
  return async (run) => {
    if (!options.predictions || run.weights === null) return run
    if (goesOn(run.status.kind)) {
      const why = 'they are made when the run is at its end, so that they take no time from it'
      return { ...run, missing: [...run.missing, { what: 'confusion matrix and wrong images', why }] }
    }
    const key = run.weights.path
    if (done?.key !== key) {
      const { predictions, missing } = await withPredictions({ ...run, missing: [] }, 1, {
        ...options,
        source: dataSource(),
      })
      done = { key, predictions, missing }
    }
    return { ...run, predictions: done.predictions, missing: [...run.missing, ...done.missing] }
  }
}
