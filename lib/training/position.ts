/** Where a run stands between two steps, and the sums that its events are made of: what `state.json` holds of it. */
import type { Best, EpochSums, Progress, Spent } from '../runs/checkpoint.ts'
import type { Estimate } from './estimate.ts'
import type { Evaluation } from './evaluate.ts'
import type { EndEvent, EpochEvent, StepEvent } from './events.ts'
import type { EndReason } from './limits.ts'

/** Of the test split; the accuracy is NaN where there are no classes. */
export interface TestResult {
  readonly testLoss: number
  readonly testAccuracy: number
}

/** Whether a result is better than another: of higher accuracy, or without classes of lower loss. */
const isBetter = (a: TestResult, b: TestResult): boolean =>
  Number.isNaN(a.testAccuracy) ? a.testLoss < b.testLoss : a.testAccuracy > b.testAccuracy

/** A file has null for NaN. */
const fromFile = <T extends Pick<Best, 'testLoss' | 'testAccuracy'>>(result: T): T & TestResult => ({
  ...result,
  testAccuracy: result.testAccuracy ?? Number.NaN,
})

const noSums = (): EpochSums => ({ loss: 0, correct: 0, images: 0, queries: 0, seconds: 0 })

export class Position {
  /** Steps and epochs done, steps done of the next epoch. */
  step = 0
  epoch = 0
  stepInEpoch = 0
  /** Of the epoch in progress. */
  #sums = noSums()
  /** Of the whole run. */
  #spent: Spent = { queries: 0, seconds: 0 }
  #best: (Best & TestResult) | null = null
  /** Of the last epoch done. */
  #last: TestResult | null = null

  /** As a checkpoint has it. */
  static from(state: Progress): Position {
    const position = new Position()
    position.step = state.step
    position.epoch = state.epoch
    position.stepInEpoch = state.stepInEpoch
    position.#sums = { ...state.sums }
    position.#spent = state.spent
    position.#best = state.best && fromFile(state.best)
    position.#last = state.last && fromFile(state.last)
    return position
  }

  get spent(): Spent {
    return this.#spent
  }

  get last(): TestResult | null {
    return this.#last
  }

  /** What a checkpoint keeps. */
  get state(): Omit<Progress, 'draw' | 'device' | 'isa'> {
    const { step, epoch, stepInEpoch } = this
    const [sums, spent, best, last] = [{ ...this.#sums }, this.#spent, this.#best, this.#last]
    return { step, epoch, stepInEpoch, sums, spent, best, last }
  }

  /** Counts a step on `images` images. */
  stepDone(
    estimate: Estimate,
    images: number,
    numbers: Pick<StepEvent, 'lr' | 'mu' | 'gradientNorm'>,
    { seconds, waited }: { seconds: number; waited: number },
  ): StepEvent {
    const { loss, accuracy, correct, queries } = estimate
    this.step += 1
    this.stepInEpoch += 1
    this.#sums.loss += loss * images
    this.#sums.correct += correct
    this.#sums.images += images
    this.#sums.queries += queries
    this.#sums.seconds += seconds
    this.#spend(queries, seconds)
    return {
      type: 'step',
      epoch: this.epoch + 1,
      step: this.step,
      loss,
      accuracy,
      ...numbers,
      queries,
      seconds,
      waited,
      queriesPerSecond: queries / seconds,
    }
  }

  /** Counts an epoch whose steps are done and whose evaluation took `seconds`. */
  epochDone({ loss: testLoss, accuracy: testAccuracy }: Evaluation, lr: number, seconds: number): EpochEvent {
    const { loss, correct, images, queries } = this.#sums
    this.epoch += 1
    this.#spend(0, seconds)
    const event: EpochEvent = {
      type: 'epoch',
      epoch: this.epoch,
      step: this.step,
      trainLoss: loss / images,
      trainAccuracy: Number.isNaN(testAccuracy) ? Number.NaN : correct / images,
      testLoss,
      testAccuracy,
      lr,
      queries,
      seconds: this.#sums.seconds + seconds,
    }
    this.stepInEpoch = 0
    this.#sums = noSums()
    this.#last = { testLoss, testAccuracy }
    if (!this.#best || isBetter(this.#last, this.#best)) {
      this.#best = { step: this.step, epoch: this.epoch, testLoss, testAccuracy }
    }
    return event
  }

  /** The run's last event; `result` is that of its weights. */
  end(reason: EndReason, result: TestResult): Omit<EndEvent, 'parameters' | 'buffers' | 'checkpoint'> {
    const before = this.#best
    const best = before === null || isBetter(result, before) ? { epoch: this.epoch + 1, ...result } : before
    return {
      type: 'end',
      reason,
      steps: this.step,
      epochs: this.epoch,
      queries: this.#spent.queries,
      ...result,
      best: { epoch: best.epoch, testLoss: best.testLoss, testAccuracy: best.testAccuracy },
    }
  }

  #spend(queries: number, seconds: number): void {
    this.#spent = { queries: this.#spent.queries + queries, seconds: this.#spent.seconds + seconds }
  }
}
