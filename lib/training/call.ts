/** What `train` and `planTraining` are called with, checked as a whole: options, network, data and head that fit. */
import { refusal, requireFunction, requireInstance, requireObject, show } from '../check.ts'
import { checkSplits, outputsOf, type Splits } from '../data/dataset.ts'
import { checkAugment } from '../data/epoch.ts'
import { DeepZeroError } from '../errors.ts'
import { BlackBoxHead } from '../estimators/black-box-head.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { checkRatios } from '../pruning/ratios.ts'
import { checkTraining } from './check-options.ts'
import { type Chosen, resolveOptions, type TrainSettings, trainingOptions } from './options.ts'

/** Options of `train` and `planTraining`: those of the table, and what is no plain value. */
export interface TrainOptions extends Chosen<TrainSettings> {
  /** Stops the training, also in the middle of a step: a checkpoint is written, then ERR_ABORTED is thrown. */
  readonly signal?: AbortSignal | undefined
  /** More to keep in `config.json`: how network and data were made. A resumed run records it anew. */
  readonly record?: Readonly<Record<string, unknown>> | undefined
  /** A black box behind the network as the loss, in training and evaluation (docs/black-box-head.md); with cge only. */
  readonly head?: BlackBoxHead | undefined
  /**
   * Called while a step is at work, with its queries that are done and all of them: (0, all) when it begins, about ten
   * times a second, and at its end. What it throws ends the training, with the last checkpoint as it is.
   */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** A call that was checked, with all options of the table. */
export interface TrainingCall extends Pick<TrainOptions, 'signal' | 'head' | 'onProgress'> {
  readonly settings: TrainSettings
  readonly record: Readonly<Record<string, unknown>>
}

/** Checks a call and fills in what was left out. Throws for wrong options, and where network, data and head do not fit. */
export function checkCall(network: Network, data: Splits, options: TrainOptions): TrainingCall {
  requireNetwork(network)
  checkSplits(data)
  const {
    signal,
    record = {},
    head,
    onProgress,
    ...given
  } = requireObject('options', options) as TrainOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  requireObject('options.record', record)
  if (onProgress !== undefined) requireFunction('options.onProgress', onProgress)
  const settings = checkTraining(resolveOptions(trainingOptions, given), (name) => `options.${name}`)
  if (head !== undefined) {
    requireInstance('options.head', head, BlackBoxHead)
    checkHead(settings)
  }
  checkFit(network, data, head, settings)
  if (typeof settings.ratios === 'object' && settings.ratios !== null)
    checkRatios(settings.ratios, network, 'options.ratios')
  checkAugment(data.train, settings.augment)
  checkLastBatch(network, data, settings)
  return { settings, signal, record, head, onProgress }
}

/** A black-box head takes coordinate-wise differences by propagation, and knows no classes: anything else is refused. */
function checkHead(settings: TrainSettings): void {
  for (const name of ['estimator', 'method', 'labelSmoothing'] as const) {
    const fit = trainingOptions[name].default
    if (settings[name] !== fit)
      throw refusal(`options.${name}`, `${show(fit)} beside a black-box head`, settings[name])
  }
}

function checkFit(
  { spec, layout }: Network,
  { train, test, shape }: Splits,
  head: BlackBoxHead | undefined,
  { labelSmoothing }: TrainSettings,
): void {
  if (spec.input.join() !== shape.join()) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `network ${spec.name}: expected images of ${spec.input.join('×')} (channels, height, width), the data has ${shape.join('×')}`,
    )
  }
  const kind = train.labels ? 'crossEntropy' : 'meanSquaredError'
  if (!head && kind === 'meanSquaredError' && labelSmoothing !== trainingOptions.labelSmoothing.default)
    throw refusal('options.labelSmoothing', '0 for data with targets', labelSmoothing)
  if (!head && spec.loss !== kind) {
    throw new DeepZeroError(
      'ERR_NETWORK',
      `network ${spec.name}: expected the loss ${kind} for data with ${train.labels ? 'classes' : 'targets'}, it has ${spec.loss}`,
    )
  }
  const outputs = outputsOf(train)
  if (layout.outputs !== outputs) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `network ${spec.name}: expected ${outputs} outputs, one per ${train.labels ? 'class' : 'target'} of the data, it has ${layout.outputs}`,
    )
  }
  if (train.count < 2) throw refusal('data.train', 'at least 2 images', train.count)
  if (test.count < 1) throw refusal('data.test', 'at least 1 image', test.count)
}

/**
 * One value has no variance: where batch norm with statistics of the batch has 1×1 planes, the last batch of an epoch must not
 * be a single image. A limit in steps that ends the run before it is a way out; the others cannot be counted here.
 */
function checkLastBatch(
  { spec, layout }: Network,
  { train: { count } }: Splits,
  { batchSize, statistics, maxSteps }: TrainSettings,
): void {
  if (statistics !== 'batch' || count % batchSize !== 1) return
  const whole = Math.floor(count / batchSize)
  if (maxSteps > 0 && maxSteps <= whole) return
  const alone = spec.ops.find(
    ({ op, name }) => op === 'batchNorm2d' && layout.shapes[name]![1] * layout.shapes[name]![2] === 1,
  )
  if (alone === undefined) return
  throw new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `batchNorm2d ${alone.name}: expected more than one value per channel in every batch, but the last batch of an epoch is one ` +
      `image with 1×1 planes: ${count} training images are ${whole} batches of ${batchSize}, and one over; choose another ` +
      'batch size (--batch-size, options.batchSize) or number of images',
  )
}
