/**
 * What `train` tells while it runs. Losses are means over images; accuracies are shares in [0, 1], and NaN (in JSON null)
 * where there are no classes.
 */
import type { LayerStatistics } from './estimate-statistics.ts'
import type { EndReason } from './limits.ts'

export interface StartEvent {
  readonly type: 'start'
  readonly network: string
  readonly parameters: number
  /** Coordinates that a step queries. */
  readonly coordinates: number
  readonly trainImages: number
  readonly testImages: number
  readonly epochs: number
  readonly stepsPerEpoch: number
  /** The step after which the run ends, unless its time is up before. */
  readonly lastStep: number
  /** Training time that is left, or null without a limit. */
  readonly secondsLeft: number | null
  readonly device: string
  readonly isa: string
  /** Why not a better one; empty when there is none. */
  readonly reason: string
  readonly threads: number
  readonly run: string | null
  /** Steps done before, in a resumed run. */
  readonly step: number
}

export interface StepEvent {
  readonly type: 'step'
  /** From 1. */
  readonly epoch: number
  /** Steps done since the start of the run, this one included. */
  readonly step: number
  /** Of the batch, before the step. */
  readonly loss: number
  readonly accuracy: number
  readonly lr: number
  readonly mu: number
  /** ‖g‖₂ of the estimate, before clipping. */
  readonly gradientNorm: number
  /** Perturbed evaluations of the network on the batch. */
  readonly queries: number
  readonly seconds: number
  /** Seconds before it in which its batch was not ready; not part of `seconds`. */
  readonly waited: number
  readonly queriesPerSecond: number
}

/** Statistics of the estimate of a step, once in a while: option `estimatesEverySteps`. */
export interface EstimatesEvent {
  readonly type: 'estimates'
  /** Of the step whose estimate it is, as in its `step` event. */
  readonly epoch: number
  readonly step: number
  /** One per parameter tensor, in the order of the network's layout. */
  readonly layers: readonly LayerStatistics[]
}

export interface EpochEvent {
  readonly type: 'epoch'
  readonly epoch: number
  readonly step: number
  /** Means over the epoch's batches as they were trained on. */
  readonly trainLoss: number
  readonly trainAccuracy: number
  /** Of the test split, with running statistics. */
  readonly testLoss: number
  readonly testAccuracy: number
  readonly lr: number
  readonly queries: number
  /** Training and evaluation. */
  readonly seconds: number
}

export interface CheckpointEvent {
  readonly type: 'checkpoint'
  readonly step: number
  readonly path: string
}

export interface EndEvent {
  readonly type: 'end'
  /** All epochs done, or the limit that was reached. */
  readonly reason: EndReason
  readonly steps: number
  /** Whole epochs. */
  readonly epochs: number
  /** Perturbed evaluations in all, resumes included. */
  readonly queries: number
  /** Of the weights below. */
  readonly testLoss: number
  readonly testAccuracy: number
  /**
   * The best evaluation, by accuracy, or by loss where there are no classes; of an epoch that was begun, where the run
   * ended inside one and is best there.
   */
  readonly best: { readonly epoch: number; readonly testLoss: number; readonly testAccuracy: number }
  /** The trained weights and running statistics, flat, in the order of the network's layout. */
  readonly parameters: Float32Array
  readonly buffers: Float32Array
  /** The last checkpoint, or null without a run directory. */
  readonly checkpoint: string | null
}

export type TrainEvent = StartEvent | StepEvent | EstimatesEvent | EpochEvent | CheckpointEvent | EndEvent
