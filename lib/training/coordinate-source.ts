/**
 * Which coordinates a step queries: all, or those that a sparsity, layer ratios or a mask file leave. A sparsity or
 * ratios draw another set at every refresh; a mask is one set for the whole run, and with sparse weights so is draw 0.
 *
 * The mask is used for the gradient (the paper: the gradient is sparse, the model stays dense), or with
 * `sparseWeights` for the weights too: those outside the set start at 0 and stay there, bit for bit, because their
 * gradient is 0 in every step, and so are their momentum and what weight decay takes from them.
 */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { allCoordinates, layerWiseRandom, uniformSparsity } from '../coordinates.ts'
import type { Network } from '../networks/network.ts'
import { readMask } from '../pruning/mask.ts'
import { checkRatios, readRatios } from '../pruning/ratios.ts'
import type { TrainSettings } from './options.ts'

export interface CoordinateSource {
  /** The coordinates of a refresh, counted from 0; sorted. */
  coordinates(draw: number): Uint32Array
  /** Whether every draw gives the same set. */
  readonly fixed: boolean
  /** Whether weights outside the set are zero. */
  readonly sparseWeights: boolean
  /** Entries of `config.json`: what the set depends on, even when its file has changed. */
  readonly record: Readonly<Record<string, unknown>>
}

/**
 * The set that the options ask for; files are read here. Throws ERR_FILE, ERR_MODEL for a file that is no ratios, no
 * mask or of another network, ERR_INVALID_ARGUMENT for ratios given as an object that do not fit.
 */
export async function openCoordinateSource(
  network: Network,
  settings: Pick<TrainSettings, 'sparsity' | 'ratios' | 'mask' | 'sparseWeights' | 'seed'>,
): Promise<CoordinateSource> {
  const { layout } = network
  const { sparsity, seed, sparseWeights, mask } = settings
  if (mask !== null) {
    const set = await readMask(mask, network)
    const maskHash = createHash('sha256').update(set).digest('hex')
    const record = { mask: resolve(mask), maskHash }
    return { coordinates: () => set, fixed: true, sparseWeights, record }
  }
  const ratios = await ratiosOf(network, settings.ratios)
  const drawn = (draw: number): Uint32Array => {
    if (ratios !== null) return layerWiseRandom(layout, ratios, { seed, draw })
    return sparsity === 0 ? allCoordinates(layout) : uniformSparsity(layout, sparsity, { seed, draw })
  }
  const record = { ratios, mask: null, maskHash: null }
  return { coordinates: sparseWeights ? () => drawn(0) : drawn, fixed: sparseWeights, sparseWeights, record }
}

async function ratiosOf(
  network: Network,
  given: TrainSettings['ratios'],
): Promise<Exclude<TrainSettings['ratios'], string>> {
  if (given === null) return null
  return typeof given === 'string'
    ? readRatios(given, network)
    : checkRatios(given, network, 'options.ratios')
}

/** Sets all parameters outside a sorted set to zero, in place. */
export function zeroOutside(parameters: Float32Array, set: Uint32Array): void {
  let from = 0
  for (const i of set) {
    parameters.fill(0, from, i)
    from = i + 1
  }
  parameters.fill(0, from)
}
