/** `deepzero data fetch`: downloads a data set, checked, into a folder that `--data` takes. */
import { join } from 'node:path'
import { requireOneOf } from '../check.ts'
import { fetchData } from '../data/fetch/fetch-data.ts'
import { type SourceName, sourceNames, sources } from '../data/fetch/sources.ts'
import { DeepZeroError } from '../errors.ts'
import type { OptionTable, Values } from '../training/options.ts'
import { callName, shellWord } from './call.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { makeProgress } from './progress.ts'

export const fetchTable = {
  out: {
    type: 'text',
    default: null,
    placeholder: 'DIR',
    decides: false,
    description: 'Folder to put it into (default data/NAME)',
  },
  from: {
    type: 'text',
    default: null,
    placeholder: 'URL',
    decides: false,
    description: 'Address of a folder with the same files, in the place of the official one',
  },
} as const satisfies OptionTable

export async function runFetch(given: string, { out, from }: Values<typeof fetchTable>): Promise<number> {
  const name: SourceName = requireOneOf('NAME', given, sourceNames)
  const dir = out ?? join('data', name)
  const source = sources[name]
  const interrupt = onInterrupt(() => {})
  let shown: { readonly file: string; readonly bar: ReturnType<typeof makeProgress> } | undefined
  process.stdout.write(`${source.title} into ${dir}\n`)
  try {
    const { downloaded } = await fetchData(source, dir, {
      from: from ?? undefined,
      signal: interrupt.signal,
      onProgress: (file, done, total) => {
        if (shown?.file !== file) {
          shown?.bar.close()
          shown = { file, bar: makeProgress(file, false) }
        }
        if (total !== null && total > 0) shown.bar.show(done / total)
      },
    })
    shown?.bar.close()
    process.stdout.write(
      `${downloaded.length === 0 ? 'all there' : 'done'}; look at it with: ${callName()} data inspect ${shellWord(dir)}\n`,
    )
    return Exit.done
  } catch (error) {
    shown?.bar.close()
    if (!(error instanceof DeepZeroError) || error.code !== 'ERR_ABORTED') throw error
    process.stderr.write(`deepzero: ${error.message}\n`)
    return Exit.interrupted
  } finally {
    interrupt.release()
  }
}
