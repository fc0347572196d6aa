/**
 * Standard output that takes nothing more. A reader that left (`deepzero … | head`) is no mistake: a command that only
 * prints ends without a word. Anything else (a full disk) is said in one line. Work in progress stops and keeps what it has.
 */
import { fileError } from '../files.ts'
import { Exit, explain } from './exit.ts'

/** Stops work; `code` is the exit code that the command then ends with. */
type Stop = (code: number) => void

const stops = new Set<Stop>()
/** Exit code that belongs to the failure, or null while there is none. */
let failure: number | null = null

/** The exit code of a standard output that failed, or null while it takes what is written. */
export const outputFailure = (): number | null => failure

/** Calls `stop` when standard output fails, or at once when it has. Returns how to end that. */
export function onOutputFailure(stop: Stop): () => void {
  stops.add(stop)
  if (failure !== null) stop(failure)
  return () => void stops.delete(stop)
}

/** Looks after the output streams of this process. */
export function watchOutput(): void {
  // There is nowhere left to say that nothing can be said: a closed terminal fails both.
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (failure !== null) return
    const left = error.code === 'EPIPE'
    failure = left ? Exit.interrupted : Exit.machine
    if (!left) process.stderr.write(`${explain(fileError('standard output', 'written', error))}\n`)
    if (stops.size === 0) process.exit(left ? process.exitCode : failure)
    for (const stop of stops) stop(failure)
  })
}
