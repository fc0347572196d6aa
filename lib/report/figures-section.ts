/** The final figures: tiles for one run, a table that can be sorted for several. */
import { optionText } from './configuration-section.ts'
import { differingOptions, type Figures, figuresOf } from './figures.ts'
import { clipped, count, duration, orDash, percent, significant } from './format.ts'
import { swatch } from './line-chart.ts'
import { html, type Markup, type Part } from './markup.ts'
import { numberOf } from './records.ts'
import type { RunView } from './run-reader.ts'

const accuracy = (value: number): string => orDash(value, (share) => percent(share))
const loss = (value: number): string => orDash(value, (number) => number.toFixed(4))

const tile = (label: string, value: Part, detail: Part = null, kind = ''): Markup =>
  html`<div class="tile ${kind}"><dt>${label}</dt><dd>${value}</dd>${detail && html`<dd class="detail">${detail}</dd>`}</div>`

function tiles(figures: Figures, epochs: number): Markup {
  const classes = !Number.isNaN(figures.bestAccuracy)
  const best = classes ? accuracy(figures.bestAccuracy) : loss(figures.bestLoss)
  const last = classes ? accuracy(figures.testAccuracy) : loss(figures.testLoss)
  const what = classes ? 'test accuracy' : 'test loss'
  return html`<dl class="tiles">${[
    tile(
      `Best ${what}`,
      best,
      Number.isNaN(figures.bestEpoch) ? 'no epoch is finished' : `after epoch ${figures.bestEpoch}`,
      'first',
    ),
    tile(`Last ${what}`, last, `loss ${loss(figures.testLoss)}`),
    tile('Training loss', loss(figures.trainLoss), `accuracy ${accuracy(figures.trainAccuracy)}`),
    tile(
      'Progress',
      `${count(figures.epochs)} epoch${figures.epochs === 1 ? '' : 's'}`,
      `${epochs > 0 ? `of ${count(epochs)}; ` : ''}${count(figures.steps)} steps`,
    ),
    tile(
      'Queries',
      count(figures.queries),
      `${orDash(figures.queriesPerSecond, (rate) => count(Math.round(rate)))} per second`,
    ),
    tile('Time', duration(figures.seconds), 'training and evaluation'),
  ]}</dl>`
}

interface Column {
  readonly title: string
  readonly value: (figures: Figures) => number
  readonly print: (value: number) => string
}

const columns: readonly Column[] = [
  { title: 'best test accuracy', value: (f) => f.bestAccuracy, print: accuracy },
  { title: 'last test accuracy', value: (f) => f.testAccuracy, print: accuracy },
  { title: 'test loss', value: (f) => f.testLoss, print: loss },
  { title: 'training accuracy', value: (f) => f.trainAccuracy, print: accuracy },
  { title: 'sparsity', value: (f) => f.sparsity, print: (value) => orDash(value, (s) => significant(s, 3)) },
  { title: 'epochs', value: (f) => f.epochs, print: count },
  { title: 'queries', value: (f) => f.queries, print: count },
  { title: 'time', value: (f) => f.seconds, print: duration },
  {
    title: 'queries per second',
    value: (f) => f.queriesPerSecond,
    print: (value) => orDash(value, (r) => count(Math.round(r))),
  },
]

const sorter = (title: string, right: boolean): Markup =>
  html`<th scope="col" aria-sort="none"${right && html` class="right"`}><button type="button" data-sort>${title}</button></th>`

/** What sets a run apart: the first options that differ, with their values. */
function apart(run: RunView, differing: readonly string[]): string {
  const shown = differing.slice(0, 3).map((key) => `${key} ${optionText(run.config?.[key])}`)
  return clipped(shown.join(', '), 90)
}

function table(runs: readonly RunView[]): Markup {
  const figures = runs.map(figuresOf)
  const differing = differingOptions(runs).filter((key) => key !== 'network' && key !== 'sparsity')
  const best = columns.map(({ value }) => Math.max(...figures.map(value).filter(Number.isFinite)))
  const row = (run: RunView, i: number): Markup => {
    const mine = figures[i] as Figures
    const cells = columns.map(({ value, print }, c) => {
      const number = value(mine)
      const first = c < 2 && number === best[c]
      return html`<td class="right${first && ' best'}" data-value="${Number.isFinite(number) ? number : ''}">${print(number)}</td>`
    })
    return html`<tr data-run="${i}" tabindex="-1"><th scope="row" data-value="${run.name}"><span class="run">${swatch(i)}<span>${run.name}</span></span><small>${apart(run, differing)}</small></th><td data-value="${mine.network}">${mine.network}</td>${cells}<td data-value="${run.status.kind}"><span class="state ${run.status.kind}">${run.status.kind}</span></td></tr>`
  }
  return html`<div class="wide" tabindex="0" role="region" aria-label="Final figures, a wide table"><table class="figures" data-sortable><caption class="vh">Final figures of ${runs.length} runs; the headings sort</caption>
<thead><tr>${sorter('run', false)}${sorter('network', false)}${columns.map(({ title }) => sorter(title, true))}${sorter('state', false)}</tr></thead>
<tbody>${runs.map(row)}</tbody></table></div>`
}

export function figuresSection(runs: readonly RunView[]): Markup {
  return runs.length === 1
    ? html`<h2 class="vh">Final figures</h2>${tiles(figuresOf(runs[0] as RunView), numberOf(runs[0]?.config?.epochs))}`
    : html`<h2>Final figures</h2>${table(runs)}`
}
