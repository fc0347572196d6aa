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

/** The time to the end at the rate of the later half of the time so far: dear work often comes first. */
export function timer(now: () => number = Date.now): (share: number) => string {
  const begun = now()
  const marks = [{ at: begun, share: 0 }]
  return (share) => {
    const at = now()
    while (marks.length > 1 && marks[1]!.at - begun <= (at - begun) / 2) marks.shift()
    const since = marks[0]!
    // Two hundred are enough.
    if (at - marks.at(-1)!.at >= (at - begun) / 200) marks.push({ at, share })
    const done = share - since.share
    return done > 0 ? duration((((at - since.at) / 1000) * (1 - share)) / done) : '…'
  }
}

function lines(what: string): Progress {
  let left: ReturnType<typeof timer> | undefined
  let shown = Date.now()
  return {
    close: () => {},
    show(share) {
      left ??= timer()
      if (share === 0 || Date.now() - shown < PLAIN_INTERVAL) return
      shown = Date.now()
      process.stdout.write(`${what}: ${Math.floor(100 * share)} %, ${left(share)} left\n`)
    },
  }
}

/** Appears when it is first shown: another may have the terminal before. */
function bar(what: string, stream: NodeJS.WriteStream): Progress {
  let left: ReturnType<typeof timer> | undefined
  const shown = new cliProgress.SingleBar(
    {
      format: `${what} |{bar}| {percentage} %  {left} left`,
      clearOnComplete: true,
      gracefulExit: false,
      stream,
    },
    cliProgress.Presets.shades_classic,
  )
  return {
    close: () => left && shown.stop(),
    show(share) {
      if (left === undefined) shown.start(1000, 0, { left: '…' })
      left ??= timer()
      shown.update(Math.floor(1000 * share), { left: left(share) })
    },
  }
}
