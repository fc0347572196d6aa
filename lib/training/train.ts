/**
 * Training with forward passes only (DeepZero, arXiv 2310.02025): an async iterator of events that works only while
 * it is iterated. Leaving the loop (`break`, an exception, an AbortSignal) writes a checkpoint when there is a run
 * directory, and frees everything.
 */
import { createHash, type Hash } from 'node:crypto'
import { refusal, requireInstance, requireObject, show } from '../check.ts'
import { checkSplits, type Dataset, outputsOf, type Splits } from '../data/dataset.ts'
import { checkAugment } from '../data/epoch.ts'
import { DeepZeroError } from '../errors.ts'
import { BlackBoxHead } from '../estimators/black-box-head.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { makeOptimiser } from '../optimisers/optimiser.ts'
import { RUN_FORMAT, type RunConfig } from '../runs/config.ts'
import { Run } from '../runs/run.ts'
import { version } from '../runs/version.ts'
import { checkTraining } from './check-options.ts'
import { type CoordinateSource, openCoordinateSource, sourceHashes } from './coordinate-source.ts'
import type { TrainEvent } from './events.ts'
import { factsOf } from './facts.ts'
import { normalisationMetadata } from './normalisation.ts'
import { openSession } from './open-session.ts'
import { type Chosen, resolveOptions, type TrainSettings, trainingOptions } from './options.ts'
import { Trainer } from './trainer.ts'

/** Options of `train`: those of the table, and what is no plain value. */
export interface TrainOptions extends Chosen<TrainSettings> {
  /** Stops the training, also in the middle of a step: a checkpoint is written, then ERR_ABORTED is thrown. */
  readonly signal?: AbortSignal | undefined
  /** More to keep in `config.json`: how network and data were made. Of its own keys only `network` and `data` give way. */
  readonly record?: Readonly<Record<string, unknown>> | undefined
  /** A black box behind the network as the loss, in training and evaluation (docs/black-box-head.md); with cge only. */
  readonly head?: BlackBoxHead | undefined
}

/** Options that belong to one call and not to the run. */
const ofTheCall = new Set(['run', 'resume', 'force'])

/**
 * Trains `network` on `data.train` and evaluates it on `data.test` after each epoch. `network` itself stays as it is;
 * the trained weights are in the `end` event and in the checkpoints.
 *
 * Wrong options are thrown by the call itself. While it runs: ERR_DIVERGED when the loss, an estimate or a weight
 * becomes NaN or infinite (the last good checkpoint stays), ERR_RUN and ERR_FILE for the run directory, ERR_ABORTED.
 */
export function train(
  network: Network,
  data: Splits,
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  requireNetwork(network)
  checkSplits(data)
  const { signal, record = {}, head, ...given } = requireObject('options', options) as TrainOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  requireObject('options.record', record)
  const settings = checkTraining(resolveOptions(trainingOptions, given), (name) => `options.${name}`)
  if (head !== undefined) {
    requireInstance('options.head', head, BlackBoxHead)
    checkHead(settings)
  }
  checkFit(network, data, head)
  checkAugment(data.train, settings.augment)
  return start(network, data, settings, { signal, record, head })
}

/** A black-box head takes coordinate-wise differences by propagation, and knows no classes: anything else is refused. */
function checkHead(settings: TrainSettings): void {
  for (const name of ['estimator', 'method', 'labelSmoothing'] as const) {
    const fit = trainingOptions[name].default
    if (settings[name] !== fit)
      throw refusal(`options.${name}`, `${show(fit)} beside a black-box head`, settings[name])
  }
}

async function* start(
  network: Network,
  data: Splits,
  settings: TrainSettings,
  { signal, record = {}, head }: Pick<TrainOptions, 'signal' | 'record' | 'head'>,
): AsyncGenerator<TrainEvent, void, undefined> {
  const coordinateSource = await openCoordinateSource(network, settings)
  const session = openSession(network, settings)
  const optimiser = makeOptimiser(settings.optimizer, settings, network.layout.parameterCount)
  let run: Run | null = null
  try {
    if (settings.run !== null) {
      const config = configOf(network, data, settings, coordinateSource, {
        ...record,
        head: head ? 'black box' : null,
        ...factsOf(network.layout, data, settings.batchSize, coordinateSource, session.device),
      })
      run = await Run.open(settings.run, {
        network,
        config,
        decisive: [...decisiveOptions, 'networkHash', 'dataHash', 'head', ...sourceHashes],
        renewed: [...renewedOptions, 'machine'],
        optimiser: optimiser.state,
        resume: settings.resume,
        force: settings.force,
        tensorboard: settings.tensorboard,
        keep: settings.keepCheckpoints,
        metadata: normalisationMetadata(data.train),
        isa: session.device.isa,
      })
    }
    yield* new Trainer({
      network,
      data,
      settings,
      coordinateSource,
      session,
      optimiser,
      run,
      signal,
      head,
    }).events()
  } finally {
    session.dispose()
    run?.close()
  }
}

/** Names of the options that a run's numbers depend on. */
export const decisiveOptions: readonly string[] = Object.entries(trainingOptions)
  .filter(([, spec]) => spec.decides)
  .map(([name]) => name)

/** The others: a resumed run goes by what it is given, and that is recorded. */
const renewedOptions = Object.keys(trainingOptions).filter(
  (name) => !decisiveOptions.includes(name) && !ofTheCall.has(name),
)

function checkFit(
  { spec, layout }: Network,
  { train, test, shape }: Splits,
  head: BlackBoxHead | undefined,
): void {
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

/** Inputs, or what stands for them where they are not in memory, and labels or targets. */
function hashInto(hash: Hash, { images, fingerprint, labels, targets }: Dataset): void {
  hash.update(images ?? fingerprint ?? '').update((labels ?? targets)!)
}

function configOf(
  network: Network,
  data: Splits,
  settings: TrainSettings,
  coordinateSource: CoordinateSource,
  record: Readonly<Record<string, unknown>>,
): RunConfig {
  const options = Object.entries(settings).filter(([name]) => !ofTheCall.has(name))
  const hash = createHash('sha256')
  for (const set of [data.train, data.test]) hashInto(hash, set)
  const own = { format: RUN_FORMAT, version } as const
  return {
    ...own,
    network: network.spec.name,
    data: data.name,
    ...record,
    ...own,
    ...Object.fromEntries(options),
    ...coordinateSource.record,
    networkHash: createHash('sha256').update(JSON.stringify(network.spec)).digest('hex'),
    dataHash: hash.digest('hex'),
  }
}
