/**
 * What asks the work to stop and keep what it has: Ctrl-C, SIGTERM, SIGHUP (its terminal was closed), and a standard
 * output that takes nothing more. A second Ctrl-C or SIGTERM leaves at once; a second SIGHUP does not, for a shell passes
 * on the one that the system sends too.
 */
import { Exit } from './exit.ts'
import { onOutputFailure, outputFailure } from './output.ts'

export interface Interrupt {
  readonly signal: AbortSignal
  /** Gives the signals back to Node. */
  release(): void
}

const exitCodes = { SIGINT: Exit.interrupted, SIGTERM: Exit.interrupted, SIGHUP: Exit.hungUp } as const
const signals = Object.keys(exitCodes) as (keyof typeof exitCodes)[]

/** Exit code of what asked first. */
let asked: number = Exit.interrupted

export function onInterrupt(announce: () => void): Interrupt {
  const controller = new AbortController()
  const begin = (code: number): void => {
    if (controller.signal.aborted) return
    asked = code
    controller.abort()
  }
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (name !== 'SIGHUP') process.exit(asked)
      return
    }
    begin(exitCodes[name as keyof typeof exitCodes])
    announce()
  }
  for (const name of signals) process.on(name, stop)
  const forget = onOutputFailure(begin)
  return {
    signal: controller.signal,
    release() {
      for (const name of signals) process.off(name, stop)
      forget()
    },
  }
}

/** The exit code of a command that ended with `code`: an interrupted one has that of what asked it to stop. */
export function finalExitCode(code: number): number {
  if (code === Exit.interrupted) return asked
  return code === Exit.done && outputFailure() === Exit.machine ? Exit.machine : code
}
