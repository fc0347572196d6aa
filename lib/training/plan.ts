/**
 * What a training run will cost, before it starts: queries and multiply-adds by counting, time and memory by measuring a
 * piece of the first step here. A query of one parameter costs what the engine counts for its way to the output
 * (`queryCost` of the layout), one along a random direction two passes.
 */
import { performance } from 'node:perf_hooks'
import type { Batch, Splits } from '../data/dataset.ts'
import { stepsPerEpoch } from '../data/epoch.ts'
import { firstBatch } from '../data/load-batches.ts'
import type { NetworkLayout } from '../native.ts'
import type { Network } from '../networks/network.ts'
import type { Session } from '../session.ts'
import { checkCall, type TrainOptions } from './call.ts'
import { openCoordinateSource } from './coordinate-source.ts'
import { type Estimate, estimate, queriesOf } from './estimate.ts'
import { lastStep } from './limits.ts'
import { openSession } from './open-session.ts'
import type { TrainSettings } from './options.ts'
import { ratesOf } from './rates.ts'

/** What a training would do and cost here. */
export interface Plan {
  /** Number of parameters. */
  readonly parameters: number
  /** In use in the first step. */
  readonly coordinates: number
  /** Queries of each step. */
  readonly queriesPerStep: number
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number
  /** Steps of the whole training, up to its limits. */
  readonly steps: number
  /** Of the whole run. */
  readonly queries: number
  /** Of a step on a whole batch: base pass and queries. */
  readonly multiplyAddsPerStep: number
  /** Measured on the spot, for a whole batch. */
  readonly measured: {
    readonly device: string
    readonly isa: string
    readonly threads: number
    readonly sampledQueries: number
    readonly queriesPerSecond: number
    readonly secondsPerStep: number
    /** The evaluation of the test split included. */
    readonly secondsPerEpoch: number
    /** Of the whole training. */
    readonly seconds: number
    /** Peak of the process so far, data and weights included, in bytes of the host; a device's own memory is not in it. */
    readonly peakMemory: number
  }
}

/** A sample is large enough when it takes so long; one that takes less is followed by one four times as large. */
const SECONDS = 0.5
/** Coordinates that are measured together are neighbours, as those of a whole step are. */
const RUN = 16

/**
 * Plans what `train` does with the same arguments; nothing is trained or written, and `run`, `resume` and `record` are not
 * looked at. With a black-box head its function is called, as often as queries are timed. `onProgress` is told the queries of
 * the sample that is timed; a sample that was too short is followed by a larger one. Rejects as `train` throws for what does
 * not fit, and with ERR_ABORTED.
 */
export async function planTraining(
  network: Network,
  data: Splits,
  options: TrainOptions = {},
): Promise<Plan> {
  const { settings, signal, head, onProgress } = checkCall(network, data, options)
  const active = (await openCoordinateSource(network, settings)).coordinates(0)
  const batch = await firstBatch(data.train, { batchSize: settings.batchSize })
  const steps = stepsPerEpoch(data.train, settings.batchSize)
  const queriesPerStep = queriesOf(settings, active)
  const cost = (sample: Uint32Array, directions: number): number =>
    batch.count * queryWork(network.layout, settings, sample, directions)
  const work = cost(active, settings.queries)
  const session = openSession(network, settings)
  try {
    const mu = ratesOf(settings, steps).mu(0)
    const ask = (sample: Uint32Array, directions: number): Promise<Estimate> => {
      const at = { batch, mu, step: 0, updateRunning: false }
      const request = { ...at, active: sample, signal, onProgress, head }
      return estimate(session, { ...settings, queries: directions }, request)
    }
    const base = await basePass(session, batch, settings, { signal, head })
    const measured = await rate(settings, active, ask, cost, base)
    const secondsPerStep = base + work * measured.secondsPerMultiplyAdd
    const evaluation = (base * data.test.count) / batch.count
    const last = lastStep(settings, settings.epochs * steps, 0, { queries: 0, seconds: 0 }, queriesPerStep)
    const { maxSeconds } = settings
    const inTime = maxSeconds > 0 ? Math.max(1, Math.ceil(maxSeconds / secondsPerStep)) : last
    const all = Math.min(last, inTime)
    const seconds = all * secondsPerStep + Math.ceil(all / steps) * evaluation
    const { device: name, isa, threads: lanes } = session.device
    return {
      parameters: network.layout.parameterCount,
      coordinates: active.length,
      queriesPerStep,
      stepsPerEpoch: steps,
      steps: all,
      queries: all * queriesPerStep,
      multiplyAddsPerStep: network.layout.passCost * batch.count + work,
      measured: {
        ...{ device: name, isa, threads: lanes, sampledQueries: measured.queries },
        // A sample may take less than the base pass did.
        queriesPerSecond: queriesPerStep / (secondsPerStep > base ? secondsPerStep - base : secondsPerStep),
        ...{ secondsPerStep, secondsPerEpoch: steps * secondsPerStep + evaluation, seconds },
        peakMemory: process.resourceUsage().maxRSS * 1024,
      },
    }
  } finally {
    session.dispose()
  }
}

/** Multiply-adds per image of the queries of one estimate. */
function queryWork(
  { parameters, passCost }: NetworkLayout,
  { estimator, scheme }: TrainSettings,
  active: Uint32Array,
  directions: number,
): number {
  const sides = scheme === 'central' ? 2 : 1
  if (estimator === 'rge') return sides * directions * 2 * passCost
  let work = 0
  let tensor = 0
  for (const i of active) {
    while (i >= parameters[tensor]!.offset + parameters[tensor]!.size) ++tensor
    work += parameters[tensor]!.queryCost ?? 0
  }
  return sides * work
}

/** Seconds of a base pass, the second one: the first takes the memory. */
async function basePass(
  session: Session,
  batch: Batch,
  { statistics }: TrainSettings,
  { signal, head }: Pick<TrainOptions, 'signal' | 'head'>,
): Promise<number> {
  const options = { statistics, signal }
  const pass = () => (head ? head.forward(session, batch, options) : session.forward(batch, options))
  await pass()
  return timed(pass)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

/** Seconds per multiply-add of a sample that grows until it takes long enough to be measured, or is everything. */
async function rate(
  settings: TrainSettings,
  active: Uint32Array,
  ask: (sample: Uint32Array, directions: number) => Promise<Estimate>,
  cost: (sample: Uint32Array, directions: number) => number,
  base: number,
): Promise<{ secondsPerMultiplyAdd: number; queries: number }> {
  const all = settings.estimator === 'rge' ? settings.queries : active.length
  for (let size = Math.min(all, RUN); ; size = Math.min(all, 4 * size)) {
    const [sample, directions] = settings.estimator === 'rge' ? [active, size] : [spread(active, size), 0]
    const seconds = await timed(() => ask(sample, directions))
    if (seconds < SECONDS && size < all) continue
    const work = cost(sample, directions)
    const secondsPerMultiplyAdd = work === 0 ? 0 : Math.max(0, seconds - base) / work
    return { secondsPerMultiplyAdd, queries: queriesOf({ ...settings, queries: directions }, sample) }
  }
}

/** About `size` of the coordinates in runs of neighbours, evenly over all of them. */
function spread(active: Uint32Array, size: number): Uint32Array {
  if (size >= active.length) return active
  const runs = Math.max(1, Math.floor(size / RUN))
  const period = active.length / runs
  return active.filter((_, i) => i - Math.floor(Math.floor(i / period) * period) < Math.min(RUN, size))
}
