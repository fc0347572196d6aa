/**
 * `deepzero train --prune METHOD`: the pipeline of the paper in one command. Before a new run starts, the layer ratios for
 * its sparsity are found as `deepzero prune` finds them with the same seed and augmentation; they take the place of the
 * sparsity, and config.json keeps them, so that a resumed run does not look again.
 */
import { refusal } from '../check.ts'
import type { Splits } from '../data/dataset.ts'
import type { Network } from '../networks/network.ts'
import type { PruningMethod } from '../pruning/options.ts'
import { needsImages, prune } from '../pruning/prune.ts'
import { ratiosTable } from '../pruning/table.ts'
import type { TrainSettings } from '../training/options.ts'
import type { SourceSettings } from '../training/source.ts'
import { flagOf } from './flags.ts'
import { makeProgress } from './progress.ts'

/** A method needs a sparsity to find ratios for. Throws ERR_INVALID_ARGUMENT. */
export function checkPrune({ prune: method }: SourceSettings, { sparsity }: TrainSettings): void {
  if (method !== 'none' && sparsity === 0)
    throw refusal(
      flagOf('sparsity'),
      `the sparsity that ${flagOf('prune')} finds ratios for, above 0`,
      sparsity,
    )
}

/** The settings with ratios where a method was asked for; `say` gets lines for people. */
export async function withFirstRatios(
  network: Network,
  data: Splits,
  source: SourceSettings,
  settings: TrainSettings,
  { say, signal }: { readonly say: ((line: string) => void) | null; readonly signal: AbortSignal },
): Promise<TrainSettings> {
  if (source.prune === 'none') return settings
  const method: PruningMethod = source.prune
  const { sparsity, seed, augment, device, devices, threads, memory } = settings
  const progress = makeProgress(method, say === null || !needsImages(method))
  try {
    const options = {
      method,
      sparsity,
      seed,
      // Only where it is read: what looks at no images refuses to be told.
      ...(needsImages(method) ? { augment } : {}),
      device,
      devices,
      threads,
      memory,
      signal,
      onProgress: progress.show,
    }
    const { ratios } = await prune(network, data.train, options)
    progress.close()
    say?.(`${method} at sparsity ${sparsity}, seed ${seed}:`)
    say?.(ratiosTable(ratios, process.stdout.columns ?? 80))
    return { ...settings, ratios, sparsity: 0 }
  } finally {
    progress.close()
  }
}
