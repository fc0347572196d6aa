/**
 * Events of training for people: a bar with rate and remaining time on a terminal, plain lines elsewhere (steps at
 * most every ten seconds, every epoch), or one JSON object a line.
 */
import { count, duration, percent, printable } from '../report/format.ts'
import type { EndEvent, EpochEvent, StartEvent, StepEvent, TrainEvent } from '../training/events.ts'
import { bold } from './colours.ts'
import { barOfSteps, linesOfSteps, type Output, type StepView } from './step-view.ts'

export interface Report {
  show(event: TrainEvent): void
  /** Queries done of the step at work, and all of it: the option `onProgress` of `train`. */
  within(done: number, all: number): void
  /** A line between events. */
  line(text: string): void
  /** Removes the bar. */
  close(): void
}

const boldPercent = (share: number): string => bold(percent(share))
/** Nothing where there are no classes. */
const accuracy = (share: number, print = percent): string =>
  Number.isNaN(share) ? '' : ` accuracy ${print(share)}`
const plural = (n: number, noun: string, many = `${noun}s`): string => `${count(n)} ${n === 1 ? noun : many}`

/** With one query a coordinate the words are simpler. */
const estimated = ({ coordinates, queries }: StartEvent): string =>
  queries === coordinates
    ? `${count(coordinates)} queried per step`
    : `${count(coordinates)} estimated with ${plural(queries, 'query', 'queries')} per step`

function startLines(event: StartEvent): string[] {
  const reason = event.reason ? ` (${event.reason})` : ''
  return [
    `${bold(event.network)} on ${printable(event.data)}: ${plural(event.parameters, 'parameter')}, ${estimated(event)}; ` +
      `${count(event.trainImages)} training and ${count(event.testImages)} test images`,
    `${event.device} ${event.isa}, ${plural(event.threads, 'thread')}${reason}; ` +
      `${plural(event.epochs, 'epoch')} of ${plural(event.stepsPerEpoch, 'step')}` +
      `${event.run ? `; run directory ${event.run}` : ''}${event.step > 0 ? `; resumed after step ${event.step}` : ''}`,
  ]
}

const epochLine = (event: EpochEvent, epochs: number): string =>
  `epoch ${event.epoch}/${epochs}  train loss ${event.trainLoss.toFixed(4)}${accuracy(event.trainAccuracy)}  ` +
  `test loss ${event.testLoss.toFixed(4)}${accuracy(event.testAccuracy, boldPercent)}  ` +
  `${count(event.queries)} queries in ${duration(event.seconds)}`

/** Of the last weights, and of the best ones where those are others. */
function result({ testLoss, testAccuracy, best }: EndEvent): string {
  const classes = !Number.isNaN(testAccuracy)
  const last = classes
    ? `test accuracy ${boldPercent(testAccuracy)}`
    : `test loss ${bold(testLoss.toFixed(4))}`
  const better = classes ? best.testAccuracy > testAccuracy : best.testLoss < testLoss
  if (!better) return last
  return `${last}, best ${classes ? percent(best.testAccuracy) : best.testLoss.toFixed(4)} after epoch ${best.epoch}`
}

/** Why a run ended before its last epoch. */
const limits: Readonly<Record<EndEvent['reason'], string>> = {
  epochs: '',
  steps: ' (limit of steps reached)',
  queries: ' (limit of queries reached)',
  seconds: ' (limit of time reached)',
}

const endLine = (event: EndEvent): string =>
  `done${limits[event.reason]}: ${result(event)}` +
  `${event.checkpoint ? `; weights in ${event.checkpoint}/model.safetensors` : ''}`

const lossOf = (event: StepEvent): string => `loss ${event.loss.toFixed(4)}${accuracy(event.accuracy)}`

/** Seconds of a step, smoothed over the last ten or so. */
function smoothed(): (seconds: number) => number {
  let mean = 0
  let steps = 0
  return (seconds) => {
    steps = Math.min(steps + 1, 10)
    mean += (seconds - mean) / steps
    return mean
  }
}

/** Steps are shown by `view`, the rest as lines. */
function textReport(view: StepView, out: Output, now: () => number): Report {
  let start: StartEvent | undefined
  let last: StepEvent | undefined
  let trained = 0
  /** When the step at work began, and seconds that a step takes. */
  let begun = now()
  let typical: number | undefined
  const line = (text: string): void => {
    view.close()
    out.write(`${text}\n`)
  }
  const mean = smoothed()
  /** Seconds to the end of the run: by the steps so far, or by its time limit. */
  const left = (steps: number, spent: number, seconds = typical): number | null => {
    const { secondsLeft } = start!
    const limit = secondsLeft === null ? Infinity : Math.max(0, secondsLeft - trained - spent)
    const estimate = seconds === undefined ? Infinity : seconds * Math.max(0, steps)
    const least = Math.min(limit, estimate)
    return Number.isFinite(least) ? least : null
  }
  return {
    line,
    close: view.close,
    within(done, all) {
      if (done === 0) begun = now()
      const { lastStep, step: before } = start!
      const step = last?.step ?? before
      const spent = (now() - begun) / 1000
      const known = done > 0 && spent > 0
      const share = all > 0 ? done / all : 0
      view.show({
        step,
        total: lastStep,
        queries: { done, all },
        loss: last ? lossOf(last) : '',
        rate: known ? done / spent : (last?.queriesPerSecond ?? null),
        left: left(lastStep - step - share, spent, typical ?? (known ? spent / share : undefined)),
      })
    },
    show(event) {
      if (event.type === 'start') {
        start = event
        startLines(event).forEach(line)
      } else if (event.type === 'step') {
        const { lastStep } = start!
        trained += event.seconds
        typical = mean(event.seconds)
        last = event
        view.show({
          step: event.step,
          total: lastStep,
          queries: null,
          loss: lossOf(event),
          rate: event.queriesPerSecond,
          left: left(lastStep - event.step, 0),
        })
      } else if (event.type === 'epoch') {
        line(epochLine(event, start!.epochs))
      } else if (event.type === 'end') {
        line(endLine(event))
      }
    },
  }
}

/** Events as JSON lines; the `end` event without its tensors. */
function jsonReport(): Report {
  return {
    line: (text) => void process.stderr.write(`${text}\n`),
    close: () => {},
    within: () => {},
    show(event) {
      const { parameters: _, buffers: __, ...plain } = event as EndEvent
      process.stdout.write(`${JSON.stringify(event.type === 'end' ? plain : event)}\n`)
    },
  }
}

/** `out` and `now` (milliseconds) stand for standard output and the clock in tests. */
export function makeReport(json: boolean, out: Output = process.stdout, now = Date.now): Report {
  if (json) return jsonReport()
  return textReport(out.isTTY ? barOfSteps(out) : linesOfSteps(out, now), out, now)
}
