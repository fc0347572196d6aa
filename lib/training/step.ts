/** How an estimate moves the weights: clipped, then through the optimiser. */
import { clipByNorm, clipByValue } from '../optimisers/clip.ts'
import type { Optimiser } from '../optimisers/optimiser.ts'
import type { TrainSettings } from './options.ts'

/**
 * One step, in place: `gradient` is clipped, `parameters` and the optimiser's state move.
 * @param active the coordinates that have an estimate
 */
export function moveWeights(
  parameters: Float32Array,
  gradient: Float32Array,
  active: Uint32Array,
  lr: number,
  optimiser: Optimiser,
  { clipValue, clipNorm, updates }: Pick<TrainSettings, 'clipValue' | 'clipNorm' | 'updates'>,
): void {
  if (clipValue > 0) clipByValue(gradient, clipValue)
  if (clipNorm > 0) clipByNorm(gradient, clipNorm)
  optimiser.step(parameters, gradient, lr, updates === 'active' ? active : undefined)
}
