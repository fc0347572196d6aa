/** Ctrl-C and SIGTERM: the first asks the work to stop and keep what it has, the second leaves at once. */
import { Exit } from './exit.ts'

export interface Interrupt {
  readonly signal: AbortSignal
  /** Gives the signals back to Node. */
  release(): void
}

export function onInterrupt(announce: () => void): Interrupt {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(Exit.interrupted)
    controller.abort()
    announce()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  return {
    signal: controller.signal,
    release: () => void process.off('SIGINT', stop).off('SIGTERM', stop),
  }
}
