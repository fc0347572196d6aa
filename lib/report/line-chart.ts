/**
 * A chart of curves as SVG without a view box: places are percentages, so that text, strokes and markers keep their size
 * whatever the width; the curves themselves lie in an inner picture of 1000 × 1000 that is stretched. The values stand in
 * data attributes, from which the page's script reads for pointer and keyboard; a table beside the picture sums up.
 */
import { evenly, finite, groupSize, type Point, thinned } from './curve.ts'
import { count, duration, percent, short, significant } from './format.ts'
import { html, type Markup, type Part, trusted } from './markup.ts'
import { colourOf, markers } from './palette.ts'
import { linearScale, logScale, type Scale } from './scale.ts'

/** `test`: results after epochs; `train`: means over epochs; `step`: single steps, or the means of a few. */
export type SeriesKind = 'test' | 'train' | 'step'

export interface Series {
  readonly run: number
  readonly kind: SeriesKind
  readonly label: string
  readonly points: readonly Point[]
  /** Not drawn until it is asked for. */
  readonly off?: boolean
}

export type Format = 'percent' | 'number' | 'integer' | 'duration'

export interface Axis {
  readonly label: string
  readonly format: Format
  readonly fromZero?: boolean
  /** For y: with powers of ten, where all values are above 0. */
  readonly log?: boolean
}

export interface LineChart {
  readonly id: string
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Points of a curve at most. */
  readonly most: number
}

/** Markers of a chart at most, all curves together. */
const MOST_MARKERS = 300

export const printers: Readonly<Record<Format, (value: number) => string>> = {
  percent: (value) => percent(value),
  number: (value) => significant(value),
  integer: (value) => count(Math.round(value)),
  duration,
}

const tickLabels: Readonly<Record<Format, (value: number) => string>> = {
  percent: (value) => `${significant(100 * value, 3)} %`,
  number: short,
  integer: short,
  duration: (seconds) =>
    seconds >= 7200
      ? `${significant(seconds / 3600, 3)} h`
      : seconds >= 300
        ? `${significant(seconds / 60, 3)} m`
        : `${short(seconds)} s`,
}

/** Percent of the width or height, with two digits. */
const place = (share: number): string => `${Number((100 * share).toFixed(2))}%`
const inner = (share: number): number => Number((1000 * share).toFixed(1))
const value = (number: number): string => String(Number(number.toPrecision(6)))

/** Least and greatest of all points. */
function extent(series: readonly Series[], pick: (point: Point) => number): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity]
  for (const { points } of series) {
    for (const point of points) {
      low = Math.min(low, pick(point))
      high = Math.max(high, pick(point))
    }
  }
  return [low, high]
}

function scales({ x, y }: LineChart, series: readonly Series[]): { across: Scale; up: Scale; log: boolean } {
  const [left, right] = extent(series, (point) => point.x)
  const [low, high] = extent(series, (point) => point.y)
  const log = y.log === true && low > 0
  return {
    across: linearScale(x.fromZero ? 0 : left, right, 5, false),
    up: log ? logScale(low, high) : linearScale(low, high, 5, true),
    log,
  }
}

export function lineChart(chart: LineChart): Markup | null {
  const series = chart.series
    .map((one) => ({ ...one, points: thinned(finite(one.points), chart.most) }))
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return null
  const { across, up, log } = scales(chart, series)
  const { id, title, x, y } = chart
  const marked = series.filter(({ kind }) => kind === 'test').length
  const each = Math.max(1, Math.floor(MOST_MARKERS / Math.max(1, marked)))
  return html`<figure class="chart" id="${id}">
<figcaption><h3>${title}</h3><p>${y.label} by ${x.label}</p></figcaption>
<div class="plot" role="img" aria-label="${summary(chart, series)}" data-x="${value(across.from)} ${value(across.to)}" data-y="${value(up.from)} ${value(up.to)}"${log && html` data-log`} data-formats="${x.format} ${y.format}" data-x-label="${x.label}">
<svg class="axes" aria-hidden="true" focusable="false">${[
    up.ticks.map(
      (tick) =>
        html`<line class="grid" x1="0" x2="100%" y1="${place(1 - up.at(tick))}" y2="${place(1 - up.at(tick))}"/><text x="-8" y="${place(1 - up.at(tick))}" dy="4" text-anchor="end">${tickLabels[y.format](tick)}</text>`,
    ),
    across.ticks.map(
      (tick) =>
        html`<text x="${place(across.at(tick))}" y="100%" dy="18" text-anchor="${anchorOf(across.at(tick))}">${tickLabels[x.format](tick)}</text>`,
    ),
  ]}<line class="base" x1="0" x2="100%" y1="100%" y2="100%"/>
${series.map((one) => curve(one, across, up, each))}<line class="cross" y1="0" y2="100%" visibility="hidden"/></svg>
<div class="tip" hidden></div></div>
${table(chart, series)}</figure>`
}

/** Labels at the ends stay inside the picture. */
const anchorOf = (share: number): string => (share < 0.03 ? 'start' : share > 0.97 ? 'end' : 'middle')

function curve({ run, kind, label, points, off }: Series, across: Scale, up: Scale, marks: number): Markup {
  const line = points
    .map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${inner(across.at(x))} ${inner(1 - up.at(y))}`)
    .join('')
  const colour = colourOf(run)
  const marked = kind === 'test' || points.length === 1 ? evenly(points, marks) : []
  const second = run >= markers.length && ' again'
  const list = (pick: (point: Point) => number): string => points.map((point) => value(pick(point))).join(' ')
  return html`<g class="series c${colour} ${kind}${second}${off && ' off'}" data-run="${run}" data-kind="${kind}" data-label="${label}" data-x="${list((p) => p.x)}" data-y="${list((p) => p.y)}"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%"><path d="${line}"/></svg>${marked.map(
    ({ x, y }) => html`<use href="#m${colour}" x="${place(across.at(x))}" y="${place(1 - up.at(y))}"/>`,
  )}</g>`
}

/** What a picture shows, for those who do not see it. */
function summary({ title, y }: LineChart, series: readonly Series[]): string {
  const print = printers[y.format]
  const ends = series
    .slice(0, 6)
    .map(({ label, points }) => `${label} from ${print(points[0]!.y)} to ${print(points.at(-1)!.y)}`)
  const more = series.length > 6 ? `; ${series.length - 6} more curves` : ''
  return `${title}: ${ends.join('; ')}${more}`
}

function table({ x, y, series: given, most, title }: LineChart, series: readonly Series[]): Markup {
  const print = printers[y.format]
  const grouped = Math.max(...given.map(({ points }) => groupSize(points.length, most)))
  const row = ({ label, run, points }: Series): Part => {
    const [low, high] = extent([{ label, run, points, kind: 'test' }], (point) => point.y)
    const [first, last] = [points[0] as Point, points.at(-1) as Point]
    return html`<tr data-run="${run}"><th scope="row">${label}</th><td>${print(first.y)}</td><td>${print(low)}</td><td>${print(high)}</td><td>${print(last.y)}</td><td>${printers[x.format](last.x)}</td></tr>`
  }
  return html`<details class="numbers" data-key="numbers-${title}"><summary>Numbers<span class="vh"> of ${title}</span></summary>
<div class="wide" tabindex="0" role="region" aria-label="Numbers of ${title}"><table><thead><tr><th scope="col">curve</th><th scope="col">first</th><th scope="col">least</th><th scope="col">greatest</th><th scope="col">last</th><th scope="col">at ${x.label}</th></tr></thead><tbody>${series.map(row)}</tbody></table></div>${
    grouped > 1 && html`<p class="hint">A point is the mean of up to ${grouped} neighbours.</p>`
  }</details>`
}

/** The markers, once a page. */
export const markerSymbols = (): Markup =>
  html`<svg class="vh" aria-hidden="true" focusable="false" width="0" height="0"><defs>${markers.map(
    (path, i) => html`<path id="m${i}" d="${trusted(path)}"/>`,
  )}</defs></svg>`

/** A run's marker, for legends and tables. */
export const swatch = (run: number): Markup =>
  html`<svg class="swatch c${colourOf(run)}${run >= markers.length && ' again'}" viewBox="-9 -6 18 12" aria-hidden="true" focusable="false"><line x1="-9" x2="9" y1="0" y2="0"/><use href="#m${colourOf(run)}"/></svg>`

/** What is said of runs whose details would make the page too large. */
export const leftOut = (runs: number): Part =>
  runs > 0 &&
  html`<p class="hint">${runs} more ${runs === 1 ? 'run is' : 'runs are'} left out here to bound the size of the page; a report of fewer runs has them.</p>`
