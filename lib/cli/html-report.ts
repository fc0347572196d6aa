/** `deepzero report`: one HTML file of one or several runs; see `lib/report/`. */

import { count, printable } from '../report/format.ts'
import { reportOptions } from '../report/options.ts'
import { writeReport } from '../report/write-report.ts'
import type { OptionTable, Values } from '../training/options.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'

export const reportTable = {
  ...reportOptions,
  json: {
    type: 'boolean',
    default: false,
    decides: false,
    description: 'Print one JSON object: the file, its size, and what is missing of each run',
  },
} as const satisfies OptionTable

export async function runReport(
  directories: readonly string[],
  { json, ...options }: Values<typeof reportTable>,
): Promise<number> {
  const interrupt = onInterrupt(() => {})
  try {
    const { bytes, runs } = await writeReport(directories, {
      ...options,
      signal: interrupt.signal,
      onEvaluate: (name) => json || process.stdout.write(`evaluating ${printable(name)}\n`),
    })
    if (json) {
      const listed = runs.map(({ directory, state, missing }) => ({ directory, state, missing }))
      process.stdout.write(`${JSON.stringify({ file: options.out, bytes, runs: listed })}\n`)
      return Exit.done
    }
    for (const { name, missing } of runs)
      for (const { what, why } of missing)
        process.stdout.write(`${printable(`${name}: not in the report: ${what}: ${why}`)}\n`)
    process.stdout.write(
      `${bold(options.out)}: ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, ${count(Math.ceil(bytes / 1024))} KiB\n`,
    )
    return Exit.done
  } finally {
    interrupt.release()
  }
}
