/**
 * Pruning before training: scores of the weights on a few images of each class, and from them how many weights each
 * layer keeps (section 4 of the DeepZero paper: ZO-GraSP gives the layer ratios once, and every refresh of the active
 * set draws that many at random inside the layer).
 */
import { refusal, requireInstance, requireObject, requireOneOf, unknownName } from '../check.ts'
import { keptOf } from '../coordinates.ts'
import { type Batch, checkDataset, type Dataset } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import type { Session } from '../session.ts'
import { openSession } from '../training/open-session.ts'
import { type Chosen, refuseUnread, resolveOptions } from '../training/option-table.ts'
import { keptInAll, ratiosFromScores, topMask } from './counts.ts'
import { coordinateGradient, type GradientSource, randomGradient } from './gradient-source.ts'
import { hessianGradient } from './hessian-gradient.ts'
import { classBatch } from './images.ts'
import {
  estimatorOf,
  optionsOf,
  type PruningMethod,
  type PruningSettings,
  pruningOptions,
} from './options.ts'
import { layersOf, layerWeights, RATIOS_FORMAT, type Ratios } from './ratios.ts'
import { graspScores, magnitudeScores, randomScores, snipScores } from './scores.ts'

/** Options of `prune`. */
export interface PruneOptions extends Chosen<PruningSettings> {
  /** Stops the work: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called with the share of the work that is done, from 0 to 1. What it throws stops the work. */
  readonly onProgress?: ((share: number) => void) | undefined
}

/** What `prune` resolves to. */
export interface PruneResult {
  /** How many weights each layer keeps. */
  readonly ratios: Ratios
  /** Flat, one per parameter, 0 outside layers' weights; what is larger is kept (`scores.ts`). */
  readonly scores: Float64Array
  /** The weights with the largest scores, as many of each layer as the ratios say, and all other parameters. */
  readonly mask: Uint32Array
}

/** The paper's number for random directions; coordinate-wise estimates say as much with one image (docs/pruning.md). */
const imagesByEstimator = { rge: 25, cge: 1 } as const

/** The settings with the number of images that 0 stands for, where any are looked at. */
export function withImages<T extends Pick<PruningSettings, 'method' | 'imagesPerClass'>>(settings: T): T {
  const estimator = estimatorOf(settings.method)
  if (estimator === undefined || settings.imagesPerClass > 0) return settings
  return { ...settings, imagesPerClass: imagesByEstimator[estimator] }
}

/** Whether a method looks at images. */
export const needsImages = (method: PruningMethod): boolean => estimatorOf(method) !== undefined

/**
 * Scores the weights of `network` by `options.method` and says how many each layer keeps. `dataset` is the training
 * split; methods that look at no images (`magnitude`, `random`, `uniform`) take null. Rejects with ERR_DATA (too few
 * images of a class), ERR_SHAPE, ERR_INVALID_ARGUMENT (also for a sparsity that would empty layers) or ERR_ABORTED.
 */
export async function prune(
  network: Network,
  dataset: Dataset | null,
  options: PruneOptions = {},
): Promise<PruneResult> {
  requireNetwork(network)
  if (dataset !== null) checkDataset(dataset)
  const { signal, onProgress, ...given } = requireObject('options', options) as PruneOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  const settings = withImages(resolveOptions(pruningOptions, given))
  refuseUnread(pruningOptions, settings, (name) => `options.${name}`)
  const { method, sparsity, seed } = settings
  const { layout, spec } = network
  // Before any work: a sparsity that no scores can meet.
  if (method !== 'uniform') keptInAll(layout, sparsity)
  const scores = await scoresBy(network, dataset, settings, { signal, onProgress })
  const { layers } =
    method === 'uniform'
      ? { layers: layersOf(layout, (_, { size }) => keptOf(size, sparsity)) }
      : ratiosFromScores(layout, scores, sparsity)
  const ratios: Ratios = {
    format: RATIOS_FORMAT,
    network: spec.name,
    method,
    sparsity,
    seed,
    options: Object.fromEntries(optionsOf(method).map((name) => [name, settings[name]])),
    layers,
  }
  return { ratios, scores, mask: topMask(layout, scores, ratios) }
}

/**
 * ZO-GraSP from coordinate-wise estimates on one image of each class; `estimator: 'rge'` estimates both gradients along
 * random directions as the paper does, q = 192 of them on 25 images of each class: less work, and mostly noise.
 */
export async function zoGrasp(
  network: Network,
  dataset: Dataset,
  given: Omit<PruneOptions, 'method'> & { readonly estimator?: 'rge' | 'cge' | undefined } = {},
): Promise<PruneResult> {
  const { estimator = 'cge', ...options } = requireObject('options', given) as typeof given
  requireOneOf('options.estimator', estimator, ['cge', 'rge'])
  if ('method' in options) throw unknownName('options: unknown option', 'method', ['estimator'])
  return prune(network, dataset, { ...options, method: estimator === 'cge' ? 'zo-grasp-cge' : 'zo-grasp' })
}

async function scoresBy(
  network: Network,
  dataset: Dataset | null,
  settings: PruningSettings,
  calls: Pick<PruneOptions, 'signal' | 'onProgress'>,
): Promise<Float64Array> {
  const { layout, parameters } = network
  const { method, ranking, seed, step } = settings
  if (method === 'magnitude') return magnitudeScores(layout, parameters)
  if (method === 'random' || method === 'uniform') return randomScores(layout, seed)
  if (dataset === null) throw refusal('dataset', `a training split, which ${method} looks at`, dataset)
  const source = estimatorOf(method) === 'cge' ? coordinateGradient(settings) : randomGradient(settings)
  const batch = await classBatch(dataset, settings)
  const needed = Uint32Array.from(
    layerWeights(layout).flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)),
  )
  const session = openSession(network, settings)
  try {
    if (method === 'snip' || method === 'snip-rge')
      return snipScores(layout, parameters, await gradientOf(session, batch, source, needed, calls))
    const { product } = await hessianGradient(session, batch, source, { step, needed, ...calls })
    return graspScores(layout, parameters, product, ranking)
  } catch (error) {
    const stopped = error instanceof DeepZeroError && error.code === 'ERR_ABORTED'
    throw stopped ? new DeepZeroError('ERR_ABORTED', 'pruning was stopped', { cause: error }) : error
  } finally {
    session.dispose()
  }
}

const gradientOf = (
  session: Session,
  batch: Batch,
  source: GradientSource,
  needed: Uint32Array,
  { signal, onProgress }: Pick<PruneOptions, 'signal' | 'onProgress'>,
): Promise<Float32Array> =>
  source(session, batch, {
    pass: 0,
    needed,
    signal,
    onProgress: (done, total) => onProgress?.(done / total),
  })
