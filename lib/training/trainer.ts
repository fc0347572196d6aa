/**
 * The loop behind `train`. One step: the base pass and the queries of the coordinates in use (`session.differences`),
 * the estimate scattered into a gradient that is 0 elsewhere, one step of SGD. The next batch is made while the engine
 * works. The state between two steps is what a checkpoint holds.
 */
import { performance } from 'node:perf_hooks'
import { batches, stepsPerEpoch } from '../data/batches.ts'
import type { Batch, Splits } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import { sgdState, sgdStep } from '../optimisers/sgd.ts'
import type { Best, EpochSums, RunState } from '../runs/checkpoint.ts'
import type { Run } from '../runs/run.ts'
import { learningRate, type Schedule } from '../schedules/schedule.ts'
import type { Session } from '../session.ts'
import { type CoordinateSource, zeroOutside } from './coordinate-source.ts'
import { evaluate } from './evaluate.ts'
import type { CheckpointEvent, EpochEvent, StepEvent, TrainEvent } from './events.ts'
import type { TrainSettings } from './options.ts'

const noSums = (): EpochSums => ({ loss: 0, correct: 0, images: 0, queries: 0, seconds: 0 })

export class Trainer {
  readonly #network: Network
  readonly #data: Splits
  readonly #settings: TrainSettings
  readonly #coordinateSource: CoordinateSource
  readonly #session: Session
  readonly #run: Run | null
  readonly #signal: AbortSignal | undefined

  readonly #steps: number
  readonly #schedule: Schedule
  readonly #parameters: Float32Array
  #buffers: Float32Array
  readonly #gradient: Float32Array
  readonly #momentum: Float32Array
  /** Steps and epochs done, steps done of the next epoch. */
  #step = 0
  #epoch = 0
  #stepInEpoch = 0
  #sums = noSums()
  #best: Best | null = null
  #last: RunState['last'] = null
  #draw = 0
  #coordinates: Uint32Array
  /** Name of the last checkpoint, or null. */
  #saved: string | null = null

  constructor(
    network: Network,
    data: Splits,
    settings: TrainSettings,
    coordinateSource: CoordinateSource,
    session: Session,
    run: Run | null,
    signal: AbortSignal | undefined,
  ) {
    this.#network = network
    this.#data = data
    this.#settings = settings
    this.#coordinateSource = coordinateSource
    this.#session = session
    this.#run = run
    this.#signal = signal
    this.#steps = stepsPerEpoch(data.train, settings.batchSize)
    this.#schedule = {
      kind: settings.schedule,
      lr: settings.lr,
      warmupSteps: Math.round(settings.warmupEpochs * this.#steps),
      totalSteps: settings.epochs * this.#steps,
      milestones: settings.milestones.map((epoch) => epoch * this.#steps),
      gamma: settings.gamma,
    }
    this.#parameters = Float32Array.from(network.parameters)
    this.#buffers = Float32Array.from(network.buffers)
    this.#momentum = sgdState(this.#parameters.length).momentum
    this.#gradient = new Float32Array(this.#parameters.length)
    if (run?.resumed) this.#restore(run)
    this.#draw = this.#drawOf(this.#epoch)
    this.#coordinates = coordinateSource.coordinates(this.#draw)
    if (coordinateSource.sparseWeights) zeroOutside(this.#parameters, this.#coordinates)
  }

  /** Everything that happens, to the end of the run; see `train`. */
  async *events(): AsyncGenerator<TrainEvent, void, undefined> {
    let keep = true
    try {
      this.#session.setParameters(this.#parameters)
      this.#session.setBuffers(this.#buffers)
      yield this.#startEvent()
      if (this.#run && this.#saved === null) yield await this.#checkpoint(this.#run)
      while (this.#epoch < this.#settings.epochs) yield* this.#runEpoch()
    } catch (error) {
      // After a stop the state is that of the last whole step. After anything else the disk has the last good one.
      keep = error instanceof DeepZeroError && error.code === 'ERR_ABORTED'
      throw error
    } finally {
      if (keep && this.#run && this.#saved !== this.#name()) await this.#checkpoint(this.#run)
    }
    yield {
      type: 'end',
      steps: this.#step,
      epochs: this.#epoch,
      testLoss: this.#last!.testLoss,
      testAccuracy: this.#last!.testAccuracy,
      best: { epoch: this.#best!.epoch, testAccuracy: this.#best!.testAccuracy },
      parameters: this.#parameters,
      buffers: this.#buffers,
      checkpoint: this.#run?.latest ?? null,
    }
  }

  async *#runEpoch(): AsyncGenerator<TrainEvent, void, undefined> {
    const { batchSize, seed, augment, checkpointEverySteps } = this.#settings
    this.#redraw()
    const source = batches(this.#data.train, {
      batchSize,
      seed,
      epoch: this.#epoch,
      start: this.#stepInEpoch,
      shuffle: true,
      augment,
    })
    let batch = source.next().value
    while (batch) {
      this.#stopIfAsked()
      const { event, following } = await this.#runStep(batch, source)
      batch = following
      yield event
      const due = this.#step % checkpointEverySteps === 0 && this.#stepInEpoch < this.#steps
      if (due && this.#run) yield await this.#checkpoint(this.#run)
    }
    yield await this.#finishEpoch()
    if (this.#run) yield await this.#checkpoint(this.#run)
  }

  /** One step; the following batch is made while the engine works. */
  async #runStep(
    batch: Batch,
    source: Generator<Batch, void, undefined>,
  ): Promise<{ event: StepEvent; following: Batch | undefined }> {
    const { mu, scheme, method } = this.#settings
    const begun = performance.now()
    const estimate = this.#session.differences(batch, this.#coordinates, {
      mu,
      scheme,
      method,
      statistics: 'batch',
      updateRunning: true,
      signal: this.#signal,
    })
    // The promise may be rejected before it is awaited below.
    estimate.catch(() => {})
    const following = source.next().value ?? undefined
    let result: Awaited<typeof estimate>
    try {
      result = await estimate
    } catch (error) {
      throw await this.#explain(error, 'the loss', batch)
    }
    const { values, loss, accuracy, correct } = result
    const gradient = this.#gradient.fill(0)
    this.#coordinates.forEach((coordinate, i) => {
      gradient[coordinate] = values[i]!
    })
    const lr = learningRate(this.#schedule, this.#step)
    sgdStep(this.#parameters, gradient, { momentum: this.#momentum }, lr, this.#settings)
    try {
      this.#session.setParameters(this.#parameters)
    } catch (error) {
      throw await this.#explain(error, 'a weight', null)
    }
    this.#buffers = this.#session.getBuffers()

    const queries = this.#coordinates.length * (scheme === 'central' ? 2 : 1)
    const seconds = (performance.now() - begun) / 1000
    this.#step += 1
    this.#stepInEpoch += 1
    this.#sums.loss += loss * batch.count
    this.#sums.correct += correct
    this.#sums.images += batch.count
    this.#sums.queries += queries
    this.#sums.seconds += seconds
    const event: StepEvent = {
      type: 'step',
      epoch: this.#epoch + 1,
      step: this.#step,
      loss,
      accuracy,
      lr,
      queries,
      seconds,
      queriesPerSecond: queries / seconds,
    }
    this.#run?.record(event)
    return { event, following }
  }

  async #finishEpoch(): Promise<EpochEvent> {
    this.#stopIfAsked()
    const begun = performance.now()
    const { evaluateBatchSize } = this.#settings
    let test: Awaited<ReturnType<typeof evaluate>>
    try {
      test = await evaluate(this.#session, this.#data.test, {
        batchSize: evaluateBatchSize,
        signal: this.#signal,
      })
    } catch (error) {
      throw await this.#explain(error, 'the loss on the test split', null)
    }
    const { loss, correct, images, queries, seconds } = this.#sums
    this.#epoch += 1
    const event: EpochEvent = {
      type: 'epoch',
      epoch: this.#epoch,
      step: this.#step,
      trainLoss: loss / images,
      trainAccuracy: correct / images,
      testLoss: test.loss,
      testAccuracy: test.accuracy,
      lr: learningRate(this.#schedule, this.#step - 1),
      queries,
      seconds: seconds + (performance.now() - begun) / 1000,
    }
    this.#stepInEpoch = 0
    this.#sums = noSums()
    this.#last = { testLoss: test.loss, testAccuracy: test.accuracy }
    if (!this.#best || test.accuracy > this.#best.testAccuracy) {
      this.#best = { step: this.#step, epoch: this.#epoch, testAccuracy: test.accuracy }
    }
    this.#run?.record(event)
    return event
  }

  async #checkpoint(run: Run): Promise<CheckpointEvent> {
    const name = this.#name()
    const { device, isa } = this.#session.device
    const path = await run.checkpoint(
      name,
      {
        step: this.#step,
        epoch: this.#epoch,
        stepInEpoch: this.#stepInEpoch,
        sums: this.#sums,
        draw: this.#draw,
        best: this.#best,
        last: this.#last,
        device,
        isa,
      },
      { parameters: this.#parameters, buffers: this.#buffers, momentum: this.#momentum },
    )
    this.#saved = name
    return { type: 'checkpoint', step: this.#step, path }
  }

  /** A checkpoint's name: its step; with a word when the epoch's steps are done but not its evaluation. */
  #name(): string {
    return this.#stepInEpoch === this.#steps ? `${this.#step}-unevaluated` : String(this.#step)
  }

  #restore(run: Run): void {
    const { state, parameters, buffers, momentum } = run.resumed!
    this.#parameters.set(parameters)
    this.#buffers.set(buffers)
    this.#momentum.set(momentum)
    this.#step = state.step
    this.#epoch = state.epoch
    this.#stepInEpoch = state.stepInEpoch
    this.#sums = { ...state.sums }
    this.#best = state.best
    this.#last = state.last
    this.#saved = this.#name()
  }

  #drawOf(epoch: number): number {
    return this.#coordinateSource.fixed ? 0 : Math.floor(epoch / this.#settings.refreshEpochs)
  }

  #redraw(): void {
    const draw = this.#drawOf(this.#epoch)
    if (draw === this.#draw) return
    this.#draw = draw
    this.#coordinates = this.#coordinateSource.coordinates(draw)
  }

  #startEvent(): TrainEvent {
    const { device, isa, reason, threads } = this.#session.device
    return {
      type: 'start',
      network: this.#network.spec.name,
      parameters: this.#parameters.length,
      coordinates: this.#coordinates.length,
      trainImages: this.#data.train.count,
      testImages: this.#data.test.count,
      epochs: this.#settings.epochs,
      stepsPerEpoch: this.#steps,
      device,
      isa,
      reason,
      threads,
      run: this.#run?.directory ?? null,
      step: this.#step,
    }
  }

  #stopIfAsked(): void {
    if (this.#signal?.aborted) {
      throw new DeepZeroError('ERR_ABORTED', `training was stopped after step ${this.#step}`)
    }
  }

  /** A native error as training's: a loss or weight that is not finite is a divergence unless the data is to blame. */
  async #explain(error: unknown, what: string, batch: Batch | null): Promise<unknown> {
    if (!(error instanceof DeepZeroError)) return error
    if (error.code === 'ERR_ABORTED') {
      return new DeepZeroError('ERR_ABORTED', `training was stopped after step ${this.#step}`, {
        cause: error,
      })
    }
    if (error.code !== 'ERR_NOT_FINITE' || batch?.input.some((value) => !Number.isFinite(value))) return error
    return this.#diverged(`${what} is not finite (${error.message})`)
  }

  /** The weights are to blame, and so is the checkpoint that holds them. */
  async #diverged(what: string): Promise<DeepZeroError> {
    const { lr, mu, epochs } = this.#settings
    if (this.#run && this.#saved === this.#name()) await this.#run.revert()
    const good = this.#run ? `; the last good checkpoint is ${this.#run.latest}` : ''
    return new DeepZeroError(
      'ERR_DIVERGED',
      `training stopped at step ${this.#step + 1} of ${epochs * this.#steps}: ${what}; ` +
        `try a lower learning rate than ${lr}, or another mu than ${mu}${good}`,
    )
  }
}
