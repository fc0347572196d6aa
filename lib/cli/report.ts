/**
 * Events of training for people: a bar with rate and remaining time on a terminal, plain lines elsewhere (a step at
 * most every ten seconds, every epoch), or one JSON object a line.
 */
import cliProgress from 'cli-progress'
import { count, duration, percent, printable } from '../report/format.ts'
import type { EndEvent, EpochEvent, StartEvent, StepEvent, TrainEvent } from '../training/events.ts'
import { bold } from './colours.ts'

export interface Report {
  show(event: TrainEvent): void
  /** A line between events. */
  line(text: string): void
  /** Removes the bar. */
  close(): void
}

const PLAIN_INTERVAL = 10_000

const boldPercent = (share: number): string => bold(percent(share))
/** Nothing where there are no classes. */
const accuracy = (share: number, print = percent): string =>
  Number.isNaN(share) ? '' : ` accuracy ${print(share)}`
const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`

function startLines(event: StartEvent): string[] {
  const reason = event.reason ? ` (${event.reason})` : ''
  return [
    `${bold(event.network)} on ${printable(event.data)}: ${plural(event.parameters, 'parameter')}, ${count(event.coordinates)} queried per step; ` +
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

/** How steps are shown; the rest is lines on both. */
interface StepView {
  /** `left`: seconds to the end of the run, at the rate of the last steps. */
  show(event: StepEvent, total: number, left: number): void
  close(): void
}

function textReport(view: StepView): Report {
  let start: StartEvent | undefined
  let trained = 0
  const line = (text: string): void => {
    view.close()
    process.stdout.write(`${text}\n`)
  }
  const mean = smoothed()
  return {
    line,
    close: view.close,
    show(event) {
      if (event.type === 'start') {
        start = event
        startLines(event).forEach(line)
      } else if (event.type === 'step') {
        const { lastStep, secondsLeft } = start!
        trained += event.seconds
        const left = mean(event.seconds) * (lastStep - event.step)
        view.show(event, lastStep, Math.min(left, Math.max(0, (secondsLeft ?? Infinity) - trained)))
      } else if (event.type === 'epoch') {
        line(epochLine(event, start!.epochs))
      } else if (event.type === 'end') {
        line(endLine(event))
      }
    },
  }
}

function plainSteps(): StepView {
  let shown = Date.now()
  return {
    close: () => {},
    show(event, total, left) {
      if (Date.now() - shown < PLAIN_INTERVAL) return
      shown = Date.now()
      process.stdout.write(
        `step ${event.step}/${total}  loss ${event.loss.toFixed(4)}${accuracy(event.accuracy)}  ` +
          `${Math.round(event.queriesPerSecond)} queries/s, ${duration(left)} left\n`,
      )
    },
  }
}

function barOfSteps(): StepView {
  let bar: cliProgress.SingleBar | undefined
  return {
    close() {
      bar?.stop()
      bar = undefined
    },
    show(event, total, left) {
      const payload = {
        loss: event.loss.toFixed(4),
        rate: Math.round(event.queriesPerSecond),
        left: duration(left),
      }
      if (bar) return bar.update(event.step, payload)
      bar = new cliProgress.SingleBar(
        {
          format: 'step {value}/{total} |{bar}| loss {loss}  {rate} queries/s  {left} left',
          clearOnComplete: true,
          gracefulExit: false,
          stream: process.stdout,
        },
        cliProgress.Presets.shades_classic,
      )
      bar.start(total, event.step, payload)
    },
  }
}

/** Events as JSON lines; the `end` event without its tensors. */
function jsonReport(): Report {
  return {
    line: (text) => void process.stderr.write(`${text}\n`),
    close: () => {},
    show(event) {
      const { parameters: _, buffers: __, ...plain } = event as EndEvent
      process.stdout.write(`${JSON.stringify(event.type === 'end' ? plain : event)}\n`)
    },
  }
}

export function makeReport(json: boolean): Report {
  if (json) return jsonReport()
  return textReport(process.stdout.isTTY ? barOfSteps() : plainSteps())
}
