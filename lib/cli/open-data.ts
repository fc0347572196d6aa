/** The data that flags name: images of a folder are decoded with a bar, and Ctrl-C stops that and keeps what is done. */
import type { Splits } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import { type DataSettings, openData } from '../training/source.ts'
import { onInterrupt } from './interrupt.ts'
import { makeProgress } from './progress.ts'

/** Opens the data; `quiet` shows no bar. Throws as `openData`; ERR_ABORTED after Ctrl-C. */
export async function openNamedData(settings: DataSettings, quiet: boolean): Promise<Splits> {
  let progress: ReturnType<typeof makeProgress> | undefined
  const interrupt = onInterrupt(() => {})
  try {
    const data = await openData(settings, {
      signal: interrupt.signal,
      onProgress: (done, total) => {
        progress ??= makeProgress('decoding images', quiet)
        progress.show(done / total)
      },
    })
    // What is read at once does not look.
    if (interrupt.signal.aborted)
      throw new DeepZeroError('ERR_ABORTED', 'the data were read, and then it was stopped')
    return data
  } finally {
    progress?.close()
    interrupt.release()
  }
}
