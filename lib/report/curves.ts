/** Which curves a report draws, from the records of its runs. */
import type { Point } from './curve.ts'
import { type Axis, type LineChart, lineChart, type Series, type SeriesKind } from './line-chart.ts'
import { html, type Markup } from './markup.ts'
import type { EpochRecord, StepRecord } from './records.ts'
import type { RunView } from './run-reader.ts'

/** Points of all curves of a chart that belong to one kind, and of one curve at most and at least. */
const ALL_POINTS = 3000
const MOST_POINTS = 400
const LEAST_POINTS = 60

/** Of more runs the curves of single steps hide those of epochs: they are drawn when asked for. */
const CLEAR_RUNS = 3

const stepsOff = (runs: readonly RunView[]): boolean =>
  runs.length > CLEAR_RUNS && runs.every(({ records }) => records.epochs.length > 1)

/** Points that a curve may have when so many runs share a page. */
export const pointsFor = (runs: number): number =>
  Math.min(MOST_POINTS, Math.max(LEAST_POINTS, Math.floor(ALL_POINTS / Math.max(1, runs))))

type OfStep = (step: StepRecord) => number
type OfEpoch = (epoch: EpochRecord) => number

const kindNames: Readonly<Record<SeriesKind, string>> = {
  test: 'test',
  train: 'training, epochs',
  step: 'training, steps',
}

const STEP: Axis = { label: 'step', format: 'integer' }

/** Sums of a value up to each record: the place of an epoch in queries or seconds. */
function placed(epochs: readonly EpochRecord[], amount: OfEpoch, y: OfEpoch): Point[] {
  let x = 0
  return epochs.map((epoch) => {
    x += amount(epoch) || 0
    return { x, y: y(epoch) }
  })
}

/** Σ queries / Σ seconds of as many neighbouring steps: the last batch of an epoch is smaller, and alone misleads. */
export function rates(steps: readonly StepRecord[], most: number): Point[] {
  const size = Math.max(1, Math.ceil(steps.length / most))
  const out: Point[] = []
  for (let start = 0; start < steps.length; start += size) {
    const group = steps
      .slice(start, start + size)
      .filter(({ queries, seconds }) => queries >= 0 && seconds > 0)
    const sum = (pick: OfStep): number => group.reduce((total, step) => total + pick(step), 0)
    if (group.length > 0)
      out.push({ x: group.at(-1)!.step, y: sum(({ queries }) => queries) / sum(({ seconds }) => seconds) })
  }
  return out
}

function elapsed(steps: readonly StepRecord[]): Point[] {
  let y = 0
  return steps.map(({ step, seconds }) => {
    y += seconds || 0
    return { x: step, y }
  })
}

/** Whether a value changes inside one of the runs. */
const varies = (runs: readonly RunView[], of: OfStep): boolean =>
  runs.some(({ records: { steps } }) =>
    steps.some((step) => of(step) !== of(steps[0]!) && !Number.isNaN(of(step))),
  )

function charts(runs: readonly RunView[]): LineChart[] {
  const most = pointsFor(runs.length)
  const series = (kind: SeriesKind, points: (run: RunView) => Point[], name = kindNames[kind]): Series[] =>
    runs.map((run, i) => ({
      run: i,
      kind,
      label: runs.length > 1 ? `${run.name}: ${name}` : name,
      points: points(run),
    }))
  const steps = (of: OfStep, name = kindNames.step): Series[] =>
    series('step', ({ records }) => records.steps.map((step) => ({ x: step.step, y: of(step) })), name)
  const epochs = (kind: 'train' | 'test', of: OfEpoch): Series[] =>
    series(kind, ({ records }) => records.epochs.map((epoch) => ({ x: epoch.step, y: of(epoch) })))
  const spent = (amount: OfEpoch): Series[] =>
    series('test', ({ records }) => placed(records.epochs, amount, ({ testAccuracy }) => testAccuracy))
  const of = (id: string, title: string, x: Axis, y: Axis, parts: readonly Series[]): LineChart => ({
    ...{ id: `chart-${id}`, title, x, y, most },
    series: parts,
  })
  const off = stepsOff(runs)
  const single = (parts: readonly Series[]): Series[] => parts.map((one) => ({ ...one, off }))
  const accuracy: Axis = { label: 'share of images', format: 'percent' }
  const several = runs.some(({ records }) => records.epochs.length > 1)
  return [
    of('accuracy', 'Accuracy', STEP, accuracy, [
      ...single(steps(({ accuracy }) => accuracy)),
      ...epochs('train', ({ trainAccuracy }) => trainAccuracy),
      ...epochs('test', ({ testAccuracy }) => testAccuracy),
    ]),
    of('loss', 'Loss', STEP, { label: 'mean over images', format: 'number' }, [
      ...single(steps(({ loss }) => loss)),
      ...epochs('train', ({ trainLoss }) => trainLoss),
      ...epochs('test', ({ testLoss }) => testLoss),
    ]),
    ...(several
      ? [
          of(
            'queries',
            'Test accuracy by queries',
            { label: 'queries', format: 'integer', fromZero: true },
            { ...accuracy },
            [...spent(({ queries }) => queries)],
          ),
          of(
            'time',
            'Test accuracy by time',
            { label: 'time', format: 'duration', fromZero: true },
            { ...accuracy },
            [...spent(({ seconds }) => seconds)],
          ),
        ]
      : []),
    of('rate', 'Throughput', STEP, { label: 'queries per second', format: 'integer' }, [
      ...series('step', ({ records }) => rates(records.steps, Math.min(most, 120)), 'queries per second'),
    ]),
    of('elapsed', 'Training time', STEP, { label: 'time without evaluations', format: 'duration' }, [
      ...series('step', ({ records }) => elapsed(records.steps), 'time'),
    ]),
    of(
      'lr',
      'Learning rate',
      STEP,
      { label: 'learning rate', format: 'number' },
      steps(({ lr }) => lr, 'learning rate'),
    ),
    ...(varies(runs, ({ mu }) => mu)
      ? [
          of(
            'mu',
            'Smoothing step μ',
            STEP,
            { label: 'μ', format: 'number', log: true },
            steps(({ mu }) => mu, 'μ'),
          ),
        ]
      : []),
    of('norm', 'Gradient norm', STEP, { label: '2-norm of the estimate', format: 'number', log: true }, [
      ...steps(({ gradientNorm }) => gradientNorm, 'norm'),
    ]),
  ]
}

/** All charts that have a curve. */
export function curvesSection(runs: readonly RunView[]): Markup | null {
  const drawn = charts(runs).map(lineChart)
  if (drawn.every((chart) => chart === null)) return null
  return html`<h2>Curves</h2>
<div class="keys" role="group" aria-label="Kinds of curves">${(['test', 'train', 'step'] as const).map(
    (kind) =>
      html`<button type="button" class="key" data-toggle="kind" data-value="${kind}" aria-pressed="${kind === 'step' && stepsOff(runs) ? 'false' : 'true'}"><svg class="swatch ${kind}" viewBox="-9 -6 18 12" aria-hidden="true" focusable="false"><line x1="-9" x2="9" y1="0" y2="0"/>${kind === 'test' && html`<use href="#m0"/>`}</svg>${kindNames[kind]}</button>`,
  )}</div>
<div class="charts">${drawn}</div>`
}
