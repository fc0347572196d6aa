/**
 * Which coordinates a step queries: the active set. A set is drawn by number and serves for some epochs or steps; the
 * number follows from the step, so that a resumed run has the same sets as one that was never interrupted.
 */
import { allCoordinates, uniformSparsity } from '../coordinates.ts'
import type { NetworkLayout } from '../native.ts'
import type { TrainSettings } from './options.ts'

type ActiveSetSettings = Pick<TrainSettings, 'sparsity' | 'seed' | 'refreshEpochs' | 'refreshSteps'>

/** Set number `draw`: sorted indices into the flat parameters. */
export function drawActiveSet(
  layout: NetworkLayout,
  { sparsity, seed }: Pick<ActiveSetSettings, 'sparsity' | 'seed'>,
  draw: number,
): Uint32Array {
  return sparsity === 0 ? allCoordinates(layout) : uniformSparsity(layout, sparsity, { seed, draw })
}

export class ActiveSets {
  readonly #layout: NetworkLayout
  readonly #settings: ActiveSetSettings
  /** Steps that one set serves. */
  readonly #period: number
  /** The set drawn last. */
  #drawn: { readonly draw: number; readonly coordinates: Uint32Array } | undefined

  constructor(layout: NetworkLayout, settings: ActiveSetSettings, stepsPerEpoch: number) {
    this.#layout = layout
    this.#settings = settings
    this.#period = settings.refreshSteps || settings.refreshEpochs * stepsPerEpoch
  }

  /** Number of the set of step `step`, both counted from 0. */
  drawOf(step: number): number {
    return Math.floor(step / this.#period)
  }

  /** The set of step `step`. */
  at(step: number): Uint32Array {
    const draw = this.drawOf(step)
    if (this.#drawn?.draw !== draw) {
      this.#drawn = { draw, coordinates: drawActiveSet(this.#layout, this.#settings, draw) }
    }
    return this.#drawn.coordinates
  }
}
