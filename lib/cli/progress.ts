/**
 * How much of one piece of work is done: a bar on a terminal, elsewhere a line at most every ten seconds; or, for what
 * prints its result alone, a bar on the terminal behind standard error and else nothing.
 */
import cliProgress from 'cli-progress'
import { duration } from '../report/format.ts'

export interface Progress {
  /** The share that is done, from 0 to 1. */
  show(share: number): void
  /** Removes the bar. */
  close(): void
}

/** Milliseconds between two lines. */
export const PLAIN_INTERVAL = 10_000
const nothing: Progress = { show: () => {}, close: () => {} }

/** `quiet` shows nothing. */
export function makeProgress(what: string, quiet: boolean): Progress {
  if (quiet) return nothing
  return process.stdout.isTTY ? bar(what, process.stdout) : lines(what)
}

/** On standard error, where that is a terminal. */
export const errorProgress = (what: string): Progress =>
  process.stderr.isTTY ? bar(what, process.stderr) : nothing

/** Seconds to the end at the rate so far. */
function timer(): (share: number) => number {
  const begun = Date.now()
  return (share) => ((Date.now() - begun) / 1000) * (1 / share - 1)
}

function lines(what: string): Progress {
  const left = timer()
  let shown = Date.now()
  return {
    close: () => {},
    show(share) {
      if (share === 0 || Date.now() - shown < PLAIN_INTERVAL) return
      shown = Date.now()
      process.stdout.write(`${what}: ${Math.floor(100 * share)} %, ${duration(left(share))} left\n`)
    },
  }
}

function bar(what: string, stream: NodeJS.WriteStream): Progress {
  const left = timer()
  const shown = new cliProgress.SingleBar(
    {
      format: `${what} |{bar}| {percentage} %  {left} left`,
      clearOnComplete: true,
      gracefulExit: false,
      stream,
    },
    cliProgress.Presets.shades_classic,
  )
  shown.start(1000, 0, { left: '…' })
  return {
    close: () => shown.stop(),
    show: (share) => shown.update(Math.floor(1000 * share), share > 0 ? { left: duration(left(share)) } : {}),
  }
}
