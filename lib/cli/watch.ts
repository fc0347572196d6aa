/** `deepzero watch`: the report of a run as a page that follows it; see `lib/report/live-server.ts`. */
import { printable } from '../report/format.ts'
import type { WatchSettings } from '../report/options.ts'
import { watchRun } from '../report/watch-run.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'

/** Ends with Ctrl-C, which is how it is meant to end. */
export async function runWatch(directory: string, options: WatchSettings): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  const interrupt = onInterrupt(() => say('ended; the run is not touched'))
  try {
    await watchRun(directory, {
      ...options,
      signal: interrupt.signal,
      onListen: (address) => say(`watching ${directory} at ${bold(address)} (Ctrl-C ends)`),
      onStatus: ({ status }) => say(printable(`${status.kind}: ${status.text}`)),
    })
    return Exit.done
  } finally {
    interrupt.release()
  }
}
