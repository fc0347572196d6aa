/**
 * The loop behind `train`. One step: an estimate of the gradient at the step's active set (`estimate.ts`), which moves
 * the weights (`step.ts`). The next batches are read and made while the engine works. The state between two steps is what a
 * checkpoint holds: weights, running statistics, the optimiser's state and the position.
 */
import { performance } from 'node:perf_hooks'
import type { Batch, Splits } from '../data/dataset.ts'
import { stepsPerEpoch } from '../data/epoch.ts'
import { loadBatches } from '../data/load-batches.ts'
import { DeepZeroError } from '../errors.ts'
import type { BlackBoxHead } from '../estimators/black-box-head.ts'
import type { Network } from '../networks/network.ts'
import type { Optimiser } from '../optimisers/optimiser.ts'
import type { Run } from '../runs/run.ts'
import type { Session } from '../session.ts'
import { ActiveSets } from './active-set.ts'
import type { TrainingCall } from './call.ts'
import { type CoordinateSource, zeroOutside } from './coordinate-source.ts'
import { estimate, queriesOf } from './estimate.ts'
import { gradientNorm, layerStatistics } from './estimate-statistics.ts'
import { type Evaluation, evaluate } from './evaluate.ts'
import type {
  CheckpointEvent,
  EpochEvent,
  EstimatesEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from './events.ts'
import { diverged, isDivergence, stopped } from './failure.ts'
import { type EndReason, lastStep, reachedLimit } from './limits.ts'
import type { TrainSettings } from './options.ts'
import { Position, type TestResult } from './position.ts'
import { type Rates, ratesOf } from './rates.ts'
import { moveWeights } from './step.ts'

export interface TrainerParts {
  readonly network: Network
  readonly data: Splits
  readonly settings: TrainSettings
  readonly coordinateSource: CoordinateSource
  readonly session: Session
  /** Before its first step; a resumed run's state is copied into it. */
  readonly optimiser: Optimiser
  readonly run: Run | null
  readonly signal: AbortSignal | undefined
  readonly head: BlackBoxHead | undefined
  readonly onProgress: TrainingCall['onProgress']
}

/** Seconds since it was made. */
const stopwatch = (): (() => number) => {
  const begun = performance.now()
  return () => (performance.now() - begun) / 1000
}

export class Trainer {
  readonly #network: Network
  readonly #data: Splits
  readonly #settings: TrainSettings
  readonly #session: Session
  readonly #optimiser: Optimiser
  readonly #run: Run | null
  readonly #signal: AbortSignal | undefined
  readonly #head: BlackBoxHead | undefined
  readonly #onProgress: TrainingCall['onProgress']

  readonly #stepsPerEpoch: number
  readonly #rates: Rates
  readonly #activeSets: ActiveSets
  readonly #parameters: Float32Array
  #buffers: Float32Array
  #position = new Position()
  /** Name of the last checkpoint, or null. */
  #saved: string | null = null

  constructor({
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
  }: TrainerParts) {
    this.#network = network
    this.#data = data
    this.#settings = settings
    this.#session = session
    this.#optimiser = optimiser
    this.#run = run
    this.#signal = signal
    this.#head = head
    this.#onProgress = onProgress
    this.#stepsPerEpoch = stepsPerEpoch(data.train, settings.batchSize)
    this.#rates = ratesOf(settings, this.#stepsPerEpoch)
    this.#activeSets = new ActiveSets(coordinateSource, settings, this.#stepsPerEpoch)
    this.#parameters = Float32Array.from(network.parameters)
    this.#buffers = Float32Array.from(network.buffers)
    if (run?.resumed) this.#restore(run.resumed)
    if (coordinateSource.sparseWeights) zeroOutside(this.#parameters, this.#activeSets.at(0))
  }

  /** Everything that happens, to the end of the run; see `train`. */
  async *events(): AsyncGenerator<TrainEvent, void, undefined> {
    let keep = true
    let reason = this.#endReason()
    let result: TestResult
    try {
      this.#session.setParameters(this.#parameters)
      this.#session.setBuffers(this.#buffers)
      yield this.#startEvent()
      if (this.#run && this.#saved === null) yield await this.#checkpoint(this.#run)
      while (reason === null) {
        yield* this.#runEpoch()
        reason = this.#endReason()
      }
      result = await this.#result()
      if (this.#run && this.#saved !== this.#name()) yield await this.#checkpoint(this.#run)
    } catch (error) {
      // After a stop the state is that of the last whole step. After anything else the disk has the last good one.
      keep = error instanceof DeepZeroError && error.code === 'ERR_ABORTED'
      throw error
    } finally {
      if (keep && this.#run && this.#saved !== this.#name()) await this.#checkpoint(this.#run)
    }
    yield {
      ...this.#position.end(reason, result),
      parameters: this.#parameters,
      buffers: this.#buffers,
      checkpoint: this.#run?.latest ?? null,
    }
  }

  /** Why the run is over, or null; an epoch whose steps are done is evaluated first. */
  #endReason(): EndReason | null {
    const { step, epoch, stepInEpoch, spent } = this.#position
    if (epoch === this.#settings.epochs) return 'epochs'
    if (stepInEpoch === this.#stepsPerEpoch) return null
    return reachedLimit(this.#settings, step, spent)
  }

  /** To the end of the epoch, or to a limit inside it. */
  async *#runEpoch(): AsyncGenerator<TrainEvent, void, undefined> {
    const { batchSize, seed, augment, checkpointEverySteps } = this.#settings
    const position = this.#position
    const source = loadBatches(this.#data.train, {
      batchSize,
      seed,
      epoch: position.epoch,
      start: position.stepInEpoch,
      shuffle: true,
      augment,
    })
    try {
      let wait = stopwatch()
      let batch = (await source.next()).value
      while (batch) {
        this.#stopIfAsked()
        const { events, following } = await this.#runStep(batch, source, wait())
        yield* events
        const whole = position.stepInEpoch === this.#stepsPerEpoch
        const due = position.step % checkpointEverySteps === 0 && !whole
        if (due && this.#run) yield await this.#checkpoint(this.#run)
        if (this.#endReason() !== null) return
        wait = stopwatch()
        batch = (await following).value
      }
    } finally {
      await source.return()
    }
    yield await this.#finishEpoch()
    if (this.#run) yield await this.#checkpoint(this.#run)
  }

  /** One step, before which `waited` seconds were spent on its batch; the following one is made while the engine works. */
  async #runStep(
    batch: Batch,
    source: AsyncGenerator<Batch, void, undefined>,
    waited: number,
  ): Promise<{
    events: readonly (StepEvent | EstimatesEvent)[]
    following: Promise<IteratorResult<Batch, void>>
  }> {
    const settings = this.#settings
    const { step, epoch, stepInEpoch } = this.#position
    const [lr, mu] = [this.#rates.lr(step), this.#rates.mu(step)]
    const begun = performance.now()
    const active = this.#activeSets.at(step)
    this.#onProgress?.(0, queriesOf(settings, active))
    const pending = estimate(this.#session, settings, {
      batch,
      active,
      mu,
      step,
      updateRunning: settings.statistics === 'batch',
      signal: this.#signal,
      onProgress: this.#onProgress,
      head: this.#head,
    })
    // The promise may be rejected before it is awaited below.
    pending.catch(() => {})
    const following = source.next()
    following.catch(() => {})
    let result: Awaited<typeof pending>
    try {
      result = await pending
    } catch (error) {
      throw await this.#explain(error, 'the loss')
    }
    const norm = gradientNorm(result.gradient, active)
    const every = settings.estimatesEverySteps
    const layers = (every === 0 ? stepInEpoch === 0 : step % every === 0)
      ? layerStatistics(this.#network.layout, result.gradient, active)
      : null
    moveWeights(this.#parameters, result.gradient, active, lr, this.#optimiser, settings)
    try {
      this.#session.setParameters(this.#parameters)
    } catch (error) {
      // The weights before this step, which a checkpoint may hold, were good.
      throw await this.#explain(error, 'a weight', false)
    }
    this.#buffers = this.#session.getBuffers()
    const seconds = (performance.now() - begun) / 1000
    const rates = { lr, mu, gradientNorm: norm }
    const done = this.#position.stepDone(result, batch.count, rates, { seconds, waited })
    const events = layers
      ? [done, { type: 'estimates', epoch: epoch + 1, step: done.step, layers } as const]
      : [done]
    for (const event of events) this.#run?.record(event)
    return { events, following }
  }

  async #finishEpoch(): Promise<EpochEvent> {
    this.#stopIfAsked()
    const begun = performance.now()
    const test = await this.#evaluate()
    const lr = this.#rates.lr(this.#position.step - 1)
    const event = this.#position.epochDone(test, lr, (performance.now() - begun) / 1000)
    this.#run?.record(event)
    return event
  }

  async #evaluate(): Promise<Evaluation> {
    try {
      return await evaluate(this.#session, this.#data.test, {
        batchSize: this.#settings.evaluateBatchSize,
        signal: this.#signal,
        head: this.#head,
      })
    } catch (error) {
      throw await this.#explain(error, 'the loss on the test split')
    }
  }

  /** Of the weights as they are: the last epoch's, or one more evaluation that leaves no trace in the run. */
  async #result(): Promise<TestResult> {
    if (this.#position.stepInEpoch === 0) return this.#position.last!
    this.#stopIfAsked()
    const { loss, accuracy } = await this.#evaluate()
    return { testLoss: loss, testAccuracy: accuracy }
  }

  async #checkpoint(run: Run): Promise<CheckpointEvent> {
    const name = this.#name()
    const { device, isa } = this.#session.device
    const { step } = this.#position
    const path = await run.checkpoint(
      name,
      { ...this.#position.state, draw: this.#activeSets.drawOf(step), device, isa },
      { parameters: this.#parameters, buffers: this.#buffers, optimiser: this.#optimiser.state },
    )
    this.#saved = name
    return { type: 'checkpoint', step, path }
  }

  /** A checkpoint's name: its step; with a word when the epoch's steps are done but not its evaluation. */
  #name(): string {
    const { step, stepInEpoch } = this.#position
    return stepInEpoch === this.#stepsPerEpoch ? `${step}-unevaluated` : String(step)
  }

  #restore({ state, parameters, buffers, optimiser }: NonNullable<Run['resumed']>): void {
    this.#parameters.set(parameters)
    this.#buffers.set(buffers)
    for (const [name, vector] of Object.entries(this.#optimiser.state)) vector.set(optimiser[name]!)
    const { step, epoch, stepInEpoch } = state
    if (step !== epoch * this.#stepsPerEpoch + stepInEpoch || stepInEpoch > this.#stepsPerEpoch) {
      throw new DeepZeroError(
        'ERR_RUN',
        `${this.#run?.latest}: expected epochs of ${this.#stepsPerEpoch} steps, received step ${step}, ${stepInEpoch} after ${epoch} epochs`,
      )
    }
    this.#position = Position.from(state)
    this.#saved = this.#name()
  }

  #startEvent(): StartEvent {
    const { device, isa, reason, threads } = this.#session.device
    const { step, spent } = this.#position
    const { epochs, maxSeconds } = this.#settings
    const active = this.#activeSets.at(step)
    const queries = queriesOf(this.#settings, active)
    return {
      type: 'start',
      network: this.#network.spec.name,
      data: this.#data.name,
      parameters: this.#parameters.length,
      coordinates: active.length,
      queries,
      trainImages: this.#data.train.count,
      testImages: this.#data.test.count,
      epochs,
      stepsPerEpoch: this.#stepsPerEpoch,
      lastStep: lastStep(this.#settings, epochs * this.#stepsPerEpoch, step, spent, queries),
      secondsLeft: maxSeconds > 0 ? Math.max(0, maxSeconds - spent.seconds) : null,
      device,
      isa,
      reason,
      threads,
      run: this.#run?.directory ?? null,
      step,
    }
  }

  #stopIfAsked(): void {
    if (this.#signal?.aborted) throw stopped(this.#position.step)
  }

  /** An error of the engine as training's; where the weights are to blame, so is the checkpoint that holds them (`saved`). */
  async #explain(error: unknown, what: string, saved = true): Promise<unknown> {
    const { step } = this.#position
    if (error instanceof DeepZeroError && error.code === 'ERR_ABORTED') return stopped(step, error)
    if (!isDivergence(error)) return error
    let good = this.#run !== null
    let damage: unknown
    try {
      if (saved && this.#run && this.#saved === this.#name()) good = await this.#run.revert()
    } catch (reason) {
      // The divergence is what ended the run; that an older checkpoint is damaged as well comes second.
      damage = reason
    }
    const { epochs } = this.#settings
    return diverged(
      `${what} is not finite (${error.message})`,
      step,
      epochs * this.#stepsPerEpoch,
      this.#settings,
      good ? this.#run!.latest : null,
      damage,
    )
  }
}
