/** A bar for one long call on a terminal, with the remaining time; nothing elsewhere. Goes to stderr. */
import cliProgress from 'cli-progress'

export interface CallProgress {
  update(done: number, total: number): void
  /** Removes the bar. */
  close(): void
}

/** @param noun what is counted, in the plural */
export function callProgress(noun: string): CallProgress {
  if (!process.stderr.isTTY) return { update: () => {}, close: () => {} }
  const bar = new cliProgress.SingleBar(
    {
      format: `{value}/{total} ${noun} |{bar}| {eta_formatted} left`,
      clearOnComplete: true,
      gracefulExit: false,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  )
  let started = false
  return {
    update(done, total) {
      if (started) return bar.update(done)
      started = true
      bar.start(total, done)
    },
    close: () => bar.stop(),
  }
}
