/**
 * Magnitude of the estimates by layer over time: a row per parameter tensor, a column per record, the colour the
 * logarithm of the root mean square over the coordinates queried. And the histogram of the last record, with the share of
 * the coordinates in each bucket as colour. The script shows the cell under the pointer, or reached by arrow keys.
 */
import { histogramBounds } from '../training/estimate-statistics.ts'
import { evenly } from './curve.ts'
import { clipped, percent, significant } from './format.ts'
import { tail } from './layers-section.ts'
import { leftOut, swatch } from './line-chart.ts'
import { html, type Markup } from './markup.ts'
import { rampColour } from './palette.ts'
import type { EstimatesRecord } from './records.ts'
import type { RunView } from './run-reader.ts'

/** Cells of all maps of a kind on a page; columns of one, at most and at least: runs that do not fit are left out. */
const ALL_CELLS = 6000
const MOST_COLUMNS = 60
const LEAST_COLUMNS = 12
const MOST_ROWS = 100
const ROW = 16

interface Grid {
  readonly label: string
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  /** [row][column], from 0; NaN where there is nothing. */
  readonly values: readonly (readonly number[])[]
  readonly print: (value: number) => string
  /** Place of a value on the ramp. */
  readonly place: (value: number) => number
  readonly low: string
  readonly high: string
  /** Labels under the map: of these columns. */
  readonly ticks: readonly number[]
  readonly axis: string
}

function picture(grid: Grid): Markup {
  const { rows, columns, values, place, print } = grid
  const width = 100 / columns.length
  const at = (column: number): string => `${Number((column * width).toFixed(3))}%`
  const cell = (value: number, i: number, j: number): Markup => {
    const colour = value > 0 ? html`fill="${rampColour(place(value))}"` : html`class="none"`
    const text = value > 0 ? print(value) : value === 0 ? 'exactly 0' : 'nothing'
    // Slightly wider than its place, so that no gap shows between neighbours.
    return html`<rect x="${at(j)}" y="${i * ROW}" width="${Number((width + 0.02).toFixed(3))}%" height="${ROW - 1}" ${colour} data-v="${text}"/>`
  }
  const height = rows.length * ROW
  return html`<div class="heat" role="group" tabindex="0" aria-label="${grid.label}, ${rows.length} rows and ${columns.length} columns; arrow keys move from cell to cell" data-columns="${columns.join('|')}">
<svg aria-hidden="true" focusable="false" width="100%" height="${height}">${rows.map(
    (name, i) =>
      html`<g data-name="${name}"><text class="name" x="-8" y="${i * ROW + 12}" text-anchor="end">${tail(name)}</text>${(values[i] as readonly number[]).map((value, j) => cell(value, i, j))}</g>`,
  )}<rect class="here" visibility="hidden" height="${ROW - 1}" width="${width.toFixed(3)}%"/>${grid.ticks.map(
    (column) =>
      html`<text x="${at(column === columns.length - 1 && column > 0 ? column + 1 : column === 0 ? 0 : column + 0.5)}" y="${height + 15}" text-anchor="${column === columns.length - 1 && column > 0 ? 'end' : column === 0 ? 'start' : 'middle'}">${columns[column]}</text>`,
  )}</svg></div>
<p class="axis">${grid.axis}</p>
<p class="readout" aria-live="polite">&nbsp;</p>
<p class="ramp"><span>${grid.low}</span><svg aria-hidden="true" focusable="false" width="120" height="10">${Array.from(
    { length: 24 },
    (_, i) => html`<rect x="${5 * i}" width="5.5" height="10" fill="${rampColour(i / 23)}"/>`,
  )}</svg><span>${grid.high}</span></p>`
}

/** -24 → "2⁻²⁴". */
const powerOfTwo = (exponent: number): string =>
  `2${String(exponent)
    .replace('-', '⁻')
    .replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] as string)}`

/** About five of n columns, with the first and the last. */
const ticksOf = (n: number): number[] => [
  ...new Set(
    evenly(
      Array.from({ length: n }, (_, i) => i),
      Math.min(5, n),
    ),
  ),
]

function magnitudes(records: readonly EstimatesRecord[], rows: readonly string[]): Grid {
  const values = rows.map((name) =>
    records.map(({ layers }) => {
      const layer = layers.find((one) => one.name === name)
      return layer && layer.coordinates > 0 ? layer.rms : Number.NaN
    }),
  )
  const all = values.flat().filter((value) => value > 0)
  const [low, high] = [Math.min(...all), Math.max(...all)].map(Math.log10) as [number, number]
  return {
    label: 'Root mean square of the estimate by layer and step',
    rows,
    columns: records.map(({ step }) => `step ${step}`),
    values,
    print: (value) => `rms ${significant(value, 3)}`,
    place: (value) => (high > low ? (Math.log10(value) - low) / (high - low) : 0.5),
    low: all.length > 0 ? significant(10 ** low, 2) : '0',
    high: all.length > 0 ? significant(10 ** high, 2) : '0',
    ticks:
      ticksOf(records.length).length > 3
        ? [0, Math.floor((records.length - 1) / 2), records.length - 1]
        : ticksOf(records.length),
    axis: 'colour: root mean square, on a logarithmic scale',
  }
}

/** Buckets of the same power of two on both sides are one column: what matters here is the magnitude. */
function distribution({ layers }: EstimatesRecord, rows: readonly string[]): Grid | null {
  if (layers.some(({ histogram }) => histogram.length !== histogramBounds.length)) return null
  const middle = (histogramBounds.length - 1) / 2
  const least = Math.log2(histogramBounds[middle + 1] as number)
  const shares = rows.map((name) => {
    const counts = layers.find((layer) => layer.name === name)?.histogram ?? []
    const total = counts.reduce((sum, value) => sum + (value || 0), 0)
    return Array.from({ length: middle + 1 }, (_, k) => {
      const both = k === 0 ? counts[middle] : (counts[middle + k] ?? 0) + (counts[middle - k] ?? 0)
      return total > 0 && both !== undefined && both > 0 ? both / total : Number.NaN
    })
  })
  const used = Array.from({ length: middle + 1 }, (_, k) => k).filter((k) =>
    shares.some((row) => Number.isFinite(row[k])),
  )
  const [first, last] = [used[0], used.at(-1)]
  if (first === undefined || last === undefined) return null
  const columns = Array.from({ length: last - first + 1 }, (_, i) =>
    first + i === 0 ? `< ${powerOfTwo(least)}` : powerOfTwo(least + first + i - 1),
  )
  const values = shares.map((row) => row.slice(first, last + 1))
  const top = Math.max(...values.flat().filter(Number.isFinite))
  return {
    label: 'Share of the coordinates by layer and magnitude',
    rows,
    columns,
    values,
    print: (value) => percent(value, 1),
    place: (value) => value / top,
    low: '0 %',
    high: percent(top, 0),
    ticks: ticksOf(columns.length),
    axis: 'magnitude of the estimate, from the power of two named to the next; colour: share of the coordinates',
  }
}

function numbers(grid: Grid, key: string): Markup {
  const columns = ticksOf(grid.columns.length)
  return html`<details class="numbers" data-key="numbers-${key}"><summary>Numbers<span class="vh"> of ${grid.label}</span></summary><div class="wide" tabindex="0" role="region" aria-label="Numbers of ${grid.label}"><table><thead><tr><th scope="col">layer</th>${columns.map(
    (column) => html`<th scope="col" class="right">${grid.columns[column]}</th>`,
  )}</tr></thead><tbody>${grid.rows.map(
    (name, i) =>
      html`<tr><th scope="row">${name}</th>${columns.map((column) => {
        const value = grid.values[i]![column] as number
        return html`<td class="right">${Number.isFinite(value) ? grid.print(value) : '–'}</td>`
      })}</tr>`,
  )}</tbody></table></div></details>`
}

const rowsOf = ({ records }: RunView): number =>
  Math.min(MOST_ROWS, records.estimates.at(-1)?.layers.length ?? 0)

function mapsOf(run: RunView, i: number, runs: number, columns: number): Markup {
  const all = run.records.estimates
  const last = all.at(-1) as EstimatesRecord
  const rows = last.layers.slice(0, MOST_ROWS).map(({ name }) => clipped(name, 80))
  const map = magnitudes(evenly(all, columns), rows)
  const shares = distribution(last, rows)
  const body = html`<div class="maps"><figure class="chart"><figcaption><h3>Magnitude over time</h3><p>root mean square over the coordinates queried${all.length > columns && `; ${columns} of ${all.length} records`}</p></figcaption>${picture(map)}${numbers(map, `magnitude-${i}`)}</figure>${
    shares &&
    html`<figure class="chart"><figcaption><h3>Distribution</h3><p>of the estimate at step ${last.step}</p></figcaption>${picture(shares)}${numbers(shares, `distribution-${i}`)}</figure>`
  }</div>`
  return runs === 1
    ? body
    : html`<details data-run="${i}" data-key="estimates-${i}"${i === 0 && html` open`}><summary><span class="run">${swatch(i)}<span>${run.name}</span></span></summary>${body}</details>`
}

export function heatMapSection(runs: readonly RunView[]): Markup | null {
  const drawn = runs
    .map((run, i) => [run, i] as const)
    .filter(([{ records }]) => records.estimates.length > 0)
  if (drawn.length === 0) return null
  const rows = Math.max(...drawn.map(([run]) => rowsOf(run)))
  const shown = drawn.slice(0, Math.max(1, Math.floor(ALL_CELLS / (rows * LEAST_COLUMNS))))
  const columns = Math.min(MOST_COLUMNS, Math.floor(ALL_CELLS / (rows * shown.length)))
  return html`<h2>Estimates by layer</h2>${shown.map(([run, i]) => mapsOf(run, i, runs.length, columns))}${leftOut(drawn.length - shown.length)}`
}
