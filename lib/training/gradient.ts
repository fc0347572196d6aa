/**
 * The gradient estimate of one batch, by itself: what a step of `train` starts from, for people who study it. No weight
 * and no running statistic moves.
 */
import type { Batch } from '../batch.ts'
import { requireFunction, requireInstance, requireObject } from '../check.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { checkActiveSet } from './check-options.ts'
import { openCoordinateSource } from './coordinate-source.ts'
import { type Estimate, estimate } from './estimate.ts'
import { openSession } from './open-session.ts'
import { type Chosen, type OptionTable, refuseUnread, resolveOptions, type Values } from './option-table.ts'
import { trainingOptions } from './options.ts'

const { words: _, ...mu } = trainingOptions.mu

/** The options of training that an estimate depends on; μ is a number, as there is no learning rate. */
export const estimateOptions = {
  estimator: trainingOptions.estimator,
  queries: trainingOptions.queries,
  directions: trainingOptions.directions,
  mu: { ...mu, description: 'Smoothing step of the finite differences' },
  scheme: trainingOptions.scheme,
  statistics: {
    ...trainingOptions.statistics,
    description: 'Batch norm: statistics of the batch, or the running ones',
  },
  labelSmoothing: {
    ...trainingOptions.labelSmoothing,
    description: 'Share of each target that is spread over all classes, in [0, 1)',
  },
  sparsity: {
    ...trainingOptions.sparsity,
    description: 'Share of conv and linear weights that is not queried',
  },
  ratios: trainingOptions.ratios,
  mask: {
    ...trainingOptions.mask,
    description: 'Coordinates of deepzero prune --mask-out, instead of a sparsity',
  },
  seed: trainingOptions.seed,
  method: trainingOptions.method,
  device: trainingOptions.device,
  devices: trainingOptions.devices,
  threads: trainingOptions.threads,
  memory: trainingOptions.memory,
  precision: trainingOptions.precision,
} as const satisfies OptionTable

/** All options of `estimateGradient`. */
export type EstimateSettings = Values<typeof estimateOptions>

/** Options that fit each other: throws ERR_INVALID_ARGUMENT where they contradict. */
export function checkEstimate(settings: EstimateSettings, label: (name: string) => string): void {
  checkActiveSet(settings, label)
  refuseUnread(estimateOptions, settings, label)
}

/** Options of `estimateGradient`. */
export interface EstimateOptions extends Chosen<EstimateSettings> {
  /** Stops the estimate: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second, and at the end, with queries done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What `estimateGradient` resolves to. */
export interface GradientEstimate extends Estimate {
  /** The flat indices that were queried, sorted. */
  readonly coordinates: Uint32Array
  /** Images of the batch. */
  readonly images: number
  /** All options, with what was left out filled in. */
  readonly settings: EstimateSettings
  /** Instruction set or architecture that computed it. */
  readonly isa: string
}

/**
 * Estimates the gradient of the loss of `batch` as the first step of `train` with these options does: with coordinate
 * set 0 and the first directions of the seed. Throws as `session.differences` does, and for wrong options.
 */
export async function estimateGradient(
  network: Network,
  batch: Batch,
  options: EstimateOptions = {},
): Promise<GradientEstimate> {
  requireNetwork(network)
  const { signal, onProgress, ...given } = requireObject('options', options) as EstimateOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  if (onProgress !== undefined) requireFunction('options.onProgress', onProgress)
  const settings = resolveOptions(estimateOptions, given)
  checkEstimate(settings, (name) => `options.${name}`)
  const source = await openCoordinateSource(network, { ...settings, sparseWeights: false })
  const session = openSession(network, settings)
  try {
    const active = source.coordinates(0)
    const result = await estimate(session, settings, {
      batch,
      active,
      mu: settings.mu,
      step: 0,
      updateRunning: false,
      signal,
      onProgress,
    })
    const [c, h, w] = network.spec.input
    const images = batch.input.length / (c * h * w)
    return { ...result, coordinates: active, images, settings, isa: session.device.isa }
  } finally {
    session.dispose()
  }
}
