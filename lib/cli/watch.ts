/** `deepzero watch`: the report of a run as a page that follows it; see `lib/report/live-server.ts`. */
import { printable } from '../report/format.ts'
import { watchRun } from '../report/watch-run.ts'
import type { OptionTable, Values } from '../training/options.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { predictionFlags } from './html-report.ts'
import { onInterrupt } from './interrupt.ts'

export const watchTable = {
  host: {
    type: 'text',
    default: '127.0.0.1',
    placeholder: 'ADDRESS',
    decides: false,
    description:
      'Address or name to listen on; others than this machine see the page only where it is not loopback',
  },
  port: {
    type: 'integer',
    default: 8476,
    min: 0,
    max: 65535,
    decides: false,
    description: 'Port to listen on, 0 for any that is free',
  },
  ...predictionFlags,
} as const satisfies OptionTable

/** Ends with Ctrl-C, which is how it is meant to end. */
export async function runWatch(directory: string, options: Values<typeof watchTable>): Promise<number> {
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
