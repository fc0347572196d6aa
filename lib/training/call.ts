/** What `train` and `planTraining` are called with, checked as a whole: options, network, data and head that fit. */
import { refusal, requireInstance, requireObject, show } from '../check.ts'
import { checkDataset, outputsOf, type Splits } from '../data/dataset.ts'
import { checkAugment } from '../data/epoch.ts'
import { DeepZeroError } from '../errors.ts'
import { BlackBoxHead } from '../estimators/black-box-head.ts'
import type { Network } from '../networks/network.ts'
import { checkTraining } from './check-options.ts'
import { resolveOptions, type TrainSettings, trainingOptions } from './options.ts'

/** Options of `train` and `planTraining`: those of the table, and what is no plain value. */
export interface TrainOptions extends Partial<TrainSettings> {
  /** Stops the training, also in the middle of a step: a checkpoint is written, then ERR_ABORTED is thrown. */
  readonly signal?: AbortSignal | undefined
  /** More to keep in `config.json`: how network and data were made. */
  readonly record?: Readonly<Record<string, unknown>>
  /** A black box behind the network as the loss, in training and evaluation (docs/black-box-head.md); with cge only. */
  readonly head?: BlackBoxHead | undefined
}

/** A call that was checked, with all options of the table. */
export type TrainingCall = { readonly settings: TrainSettings } & Pick<
  TrainOptions,
  'signal' | 'record' | 'head'
>

/** Checks a call and fills in what was left out. Throws for wrong options, and where network, data and head do not fit. */
export function checkCall(network: Network, data: Splits, options: TrainOptions): TrainingCall {
  const { signal, record = {}, head, ...given } = requireObject('options', options) as TrainOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  const settings = checkTraining(resolveOptions(trainingOptions, given), (name) => `options.${name}`)
  if (head !== undefined) {
    requireInstance('options.head', head, BlackBoxHead)
    checkHead(settings)
  }
  checkFit(network, data, head)
  checkAugment(data.train, settings.augment)
  return { settings, signal, record, head }
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
): void {
  checkDataset(train, 'data.train')
  checkDataset(test, 'data.test')
  if (spec.input.join() !== shape.join()) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `network ${spec.name}: expected images of ${spec.input.join('×')} (channels, height, width), the data has ${shape.join('×')}`,
    )
  }
  const kind = train.labels ? 'crossEntropy' : 'meanSquaredError'
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
