/**
 * Which coordinates a step queries: the active set. A set is drawn by number and serves for some epochs or steps; the
 * number follows from the step, so that a resumed run has the same sets as one that was never interrupted.
 */
import type { CoordinateSource } from './coordinate-source.ts'
import type { TrainSettings } from './options.ts'

export class ActiveSets {
  readonly #source: Pick<CoordinateSource, 'coordinates' | 'fixed'>
  /** Steps that one set serves. */
  readonly #period: number
  /** The set drawn last. */
  #drawn: { readonly draw: number; readonly coordinates: Uint32Array } | undefined

  constructor(
    source: Pick<CoordinateSource, 'coordinates' | 'fixed'>,
    { refreshSteps, refreshEpochs }: Pick<TrainSettings, 'refreshEpochs' | 'refreshSteps'>,
    stepsPerEpoch: number,
  ) {
    this.#source = source
    this.#period = refreshSteps || refreshEpochs * stepsPerEpoch
  }

  /** Number of the set of step `step`, both counted from 0. */
  drawOf(step: number): number {
    return this.#source.fixed ? 0 : Math.floor(step / this.#period)
  }

  /** The set of step `step`. */
  at(step: number): Uint32Array {
    const draw = this.drawOf(step)
    if (this.#drawn?.draw !== draw) this.#drawn = { draw, coordinates: this.#source.coordinates(draw) }
    return this.#drawn.coordinates
  }
}
