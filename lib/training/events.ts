/**
 * What `train` tells while it runs. Losses are means over images; accuracies are shares in [0, 1], and NaN (in JSON null)
 * where there are no classes.
 */
import type { LayerStatistics } from './estimate-statistics.ts'
import type { EndReason } from './limits.ts'

/** The first event: what will be trained, on what. */
export interface StartEvent {
  /** Tells it from other events. */
  readonly type: 'start'
  /** Name of the network. */
  readonly network: string
  /** Name of the data set. */
  readonly data: string
  /** Number of its parameters. */
  readonly parameters: number
  /** Coordinates that a step estimates. */
  readonly coordinates: number
  /** Queries of a step. */
  readonly queries: number
  /** Images of the training split. */
  readonly trainImages: number
  /** Images of the test split. */
  readonly testImages: number
  /** Epochs to go, from the first of the run. */
  readonly epochs: number
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number
  /** The step after which the run ends, unless its time is up before. */
  readonly lastStep: number
  /** Training time that is left, or null without a limit. */
  readonly secondsLeft: number | null
  /** Kind of device. */
  readonly device: string
  /** Instruction set or architecture in use. */
  readonly isa: string
  /** Why not a better one; empty when there is none. */
  readonly reason: string
  /** Worker threads. */
  readonly threads: number
  /** The run directory; null without one. */
  readonly run: string | null
  /** Steps done before, in a resumed run. */
  readonly step: number
}

/** A step is done. */
export interface StepEvent {
  /** Tells it from other events. */
  readonly type: 'step'
  /** From 1. */
  readonly epoch: number
  /** Steps done since the start of the run, this one included. */
  readonly step: number
  /** Of the batch, before the step. */
  readonly loss: number
  /** Share of the batch that the network before the step classifies rightly. */
  readonly accuracy: number
  /** Learning rate of the step. */
  readonly lr: number
  /** Smoothing step μ of its estimates. */
  readonly mu: number
  /** ‖g‖₂ of the estimate, before clipping. */
  readonly gradientNorm: number
  /** Perturbed evaluations of the network on the batch. */
  readonly queries: number
  /** Wall time of the step. */
  readonly seconds: number
  /** Seconds before it in which its batch was not ready; not part of `seconds`. */
  readonly waited: number
  /** Of this step. */
  readonly queriesPerSecond: number
}

/** Statistics of the estimate of a step, once in a while: option `estimatesEverySteps`. */
export interface EstimatesEvent {
  /** Tells it from other events. */
  readonly type: 'estimates'
  /** Of the step whose estimate it is, as in its `step` event. */
  readonly epoch: number
  /** Steps done since the start of the run, this one included. */
  readonly step: number
  /** One per parameter tensor, in the order of the network's layout. */
  readonly layers: readonly LayerStatistics[]
}

/** An epoch is done and evaluated. */
export interface EpochEvent {
  /** Tells it from other events. */
  readonly type: 'epoch'
  /** From 1. */
  readonly epoch: number
  /** Steps done since the start of the run. */
  readonly step: number
  /** Means over the epoch's batches as they were trained on. */
  readonly trainLoss: number
  /** Mean over the batches of the epoch, as training met them. */
  readonly trainAccuracy: number
  /** Of the test split, with running statistics. */
  readonly testLoss: number
  /** Share of the test images that are classified rightly. */
  readonly testAccuracy: number
  /** Learning rate of its last step. */
  readonly lr: number
  /** Queries of the epoch. */
  readonly queries: number
  /** Training and evaluation. */
  readonly seconds: number
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  /** Tells it from other events. */
  readonly type: 'checkpoint'
  /** Steps done since the start of the run. */
  readonly step: number
  /** Its folder. */
  readonly path: string
}

/** The last event. */
export interface EndEvent {
  /** Tells it from other events. */
  readonly type: 'end'
  /** All epochs done, or the limit that was reached. */
  readonly reason: EndReason
  /** Steps done since the start of the run. */
  readonly steps: number
  /** Whole epochs. */
  readonly epochs: number
  /** Perturbed evaluations in all, resumes included. */
  readonly queries: number
  /** Of the weights below. */
  readonly testLoss: number
  /** Share of the test images that are classified rightly. */
  readonly testAccuracy: number
  /**
   * The best evaluation, by accuracy, or by loss where there are no classes; of an epoch that was begun, where the run
   * ended inside one and is best there.
   */
  readonly best: { readonly epoch: number; readonly testLoss: number; readonly testAccuracy: number }
  /** The trained weights, flat, in the order of the network's layout. */
  readonly parameters: Float32Array
  /** Running statistics, flat. */
  readonly buffers: Float32Array
  /** The last checkpoint, or null without a run directory. */
  readonly checkpoint: string | null
}

/** What `train` yields; `type` tells which. */
export type TrainEvent = StartEvent | StepEvent | EstimatesEvent | EpochEvent | CheckpointEvent | EndEvent
