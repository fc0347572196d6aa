/**
 * Training with forward passes only (DeepZero, arXiv 2310.02025): an async iterator of events that works only while
 * it is iterated. Leaving the loop (`break`, an exception, an AbortSignal) writes a checkpoint when there is a run
 * directory, and frees everything.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Dataset, Splits } from '../data/dataset.ts'
import type { Network } from '../networks/network.ts'
import { makeOptimiser } from '../optimisers/optimiser.ts'
import { type Fingerprints, RUN_FORMAT, type RunConfig } from '../runs/config.ts'
import { Run } from '../runs/run.ts'
import { version } from '../runs/version.ts'
import { checkCall, type TrainingCall, type TrainOptions } from './call.ts'
import { type CoordinateSource, openCoordinateSource } from './coordinate-source.ts'
import type { TrainEvent } from './events.ts'
import { factsOf } from './facts.ts'
import { normalisationMetadata } from './normalisation.ts'
import { openSession } from './open-session.ts'
import { type TrainSettings, trainingOptions } from './options.ts'
import { dataOptions } from './source.ts'
import { Trainer } from './trainer.ts'

export type { TrainOptions } from './call.ts'

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
  return start(network, data, checkCall(network, data, options))
}

async function* start(
  network: Network,
  data: Splits,
  { settings, signal, record, head, onProgress }: TrainingCall,
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
        decisive: [...decisiveOptions, 'head', ...Object.keys(fingerprints)],
        fingerprints,
        // Network and data are the same by their fingerprints: where they come from now is what counts.
        renewed: [...renewedOptions, 'machine', ...Object.keys(record)],
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
      onProgress,
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

/** What a run must go on with and no option holds: its content decides, and not its name or path. */
const fingerprints: Fingerprints = {
  networkHash: { what: 'network', from: ['network'] },
  dataHash: {
    what: 'data',
    from: Object.entries(dataOptions)
      .filter(([, spec]) => spec.decides)
      .map(([name]) => name),
  },
  maskHash: { what: 'mask', from: ['mask'] },
}

/** The others: a resumed run goes by what it is given, and that is recorded. */
const renewedOptions = Object.keys(trainingOptions).filter(
  (name) => !decisiveOptions.includes(name) && !ofTheCall.has(name),
)

/** Shape and normalisation, inputs or what stands for them where they are not in memory, and labels or targets. */
function hashInto(hash: Hash, { shape, mean, std, images, fingerprint, labels, targets }: Dataset): void {
  hash.update(JSON.stringify({ shape, mean: Array.from(mean), std: Array.from(std) }))
  for (const part of [images ?? fingerprint ?? '', (labels ?? targets)!])
    if (typeof part === 'string') hash.update(part)
    else for (const bytes of pieces(part)) hash.update(bytes)
}

/** A hash takes less than 2 GiB at once. */
function* pieces({ buffer, byteOffset, byteLength }: ArrayBufferView): Generator<Uint8Array> {
  const most = 2 ** 30
  for (let at = 0; at < byteLength; at += most)
    yield new Uint8Array(buffer, byteOffset + at, Math.min(most, byteLength - at))
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
