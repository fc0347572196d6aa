/** How the steps of a training are shown: one bar on a terminal, elsewhere a line at most every ten seconds. */
import cliProgress from 'cli-progress'
import { count, duration } from '../report/format.ts'
import { PLAIN_INTERVAL } from './progress.ts'

/** Where a run stands, between two steps or within one. */
export interface StepState {
  /** Steps done, and those of the run. */
  readonly step: number
  readonly total: number
  /** Queries of the step at work, done and all; null between two steps. */
  readonly queries: { readonly done: number; readonly all: number } | null
  /** Loss and accuracy of the last step, as text; empty before the first. */
  readonly loss: string
  /** Queries a second, and seconds to the end of the run; null where nothing is known yet. */
  readonly rate: number | null
  readonly left: number | null
}

export interface StepView {
  show(state: StepState): void
  close(): void
}

/** What is written to: standard output, or what stands for it in a test. */
export type Output = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>

const rateText = (rate: number | null): string => (rate === null ? '–' : count(Math.round(rate)))
const leftText = (left: number | null): string => (left === null ? '…' : duration(left))
/** The step at work is the one after those that are done. */
const at = ({ step, queries }: StepState): number => (queries ? step + 1 : step)
const share = ({ queries }: StepState): number =>
  queries && queries.all > 0 ? queries.done / queries.all : 0

export function linesOfSteps(out: Output, now: () => number): StepView {
  let shown = now()
  return {
    close: () => {},
    show(state) {
      if (now() - shown < PLAIN_INTERVAL) return
      shown = now()
      const { queries, loss, rate, left, total } = state
      const what = queries ? `${count(queries.done)} of ${count(queries.all)} queries` : loss
      out.write(`step ${at(state)}/${total}  ${what}  ${rateText(rate)} queries/s, ${leftText(left)} left\n`)
    },
  }
}

/** Of a line: what stands beside the bar, its loss left out, which may be cut off. */
const BESIDE = 70

/** The bar is drawn again ten times a second at most, however often it is told. */
export function barOfSteps(out: Output): StepView {
  let bar: cliProgress.SingleBar | undefined
  const make = (): cliProgress.SingleBar =>
    new cliProgress.SingleBar(
      {
        format: 'step {at}/{total} |{bar}| {queries}{rate} queries/s  {left} left  {loss}',
        barsize: Math.max(10, Math.min(40, (out.columns ?? 80) - BESIDE)),
        clearOnComplete: true,
        gracefulExit: false,
        stream: out as NodeJS.WriteStream,
      },
      cliProgress.Presets.shades_classic,
    )
  return {
    close() {
      bar?.stop()
      bar = undefined
    },
    show(state) {
      const { step, total, queries, loss, rate, left } = state
      const value = step + share(state)
      const payload = {
        at: at(state),
        queries: queries ? `${count(queries.done)}/${count(queries.all)}  ` : '',
        rate: rateText(rate),
        left: leftText(left),
        loss,
      }
      if (bar) return bar.update(value, payload)
      bar = make()
      bar.start(total, value, payload)
    },
  }
}
