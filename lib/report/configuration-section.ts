/** The configuration of the runs, the machine that they ran on, and the versions. */
import { isObject } from '../check.ts'
import { differingOptions } from './figures.ts'
import { clipped } from './format.ts'
import { swatch } from './line-chart.ts'
import { html, type Markup, type Part } from './markup.ts'
import type { RunView } from './run-reader.ts'

/** Of a configuration at most; the package's own has about 60 keys. */
const MOST_KEYS = 120
const LONGEST_VALUE = 100
/** Runs whose machines are unfolded. */
const SHOWN_MACHINES = 3
/** Where runs stand side by side. */
const LONGEST_OF_MANY = 40

/** An option's value in a few words. */
export function optionText(value: unknown): string {
  if (value === undefined) return '–'
  if (isObject(value)) {
    const { method, sparsity } = value
    const of = typeof sparsity === 'number' ? ` at sparsity ${sparsity}` : ''
    return typeof method === 'string'
      ? clipped(`${method}${of}`, LONGEST_VALUE)
      : `an object of ${Object.keys(value).length} entries`
  }
  return clipped(typeof value === 'string' ? value : JSON.stringify(value), LONGEST_VALUE)
}

const headOf = (run: RunView, i: number, several: boolean): Markup =>
  html`<th scope="col" class="right" data-run="${i}">${several ? html`<span class="run">${swatch(i)}<span>${run.name}</span></span>` : 'value'}</th>`

/** The options of one run, in columns. */
const optionList = ({ config }: RunView, keys: readonly string[]): Markup =>
  html`<div class="card">${facts(keys.map((key) => [clipped(key, 60), optionText(config?.[key])]))}</div>`

function options(runs: readonly RunView[], keys: readonly string[], label: string): Markup {
  const several = runs.length > 1
  const row = (key: string): Markup =>
    html`<tr><th scope="row"><code>${clipped(key, 60)}</code></th>${runs.map(
      ({ config }, i) =>
        html`<td class="right" data-run="${i}">${clipped(optionText(config?.[key]), LONGEST_OF_MANY)}</td>`,
    )}</tr>`
  return html`<div class="wide" tabindex="0" role="region" aria-label="${label}"><table class="options"><thead><tr><th scope="col">option</th>${runs.map(
    (run, i) => headOf(run, i, several),
  )}</tr></thead><tbody>${keys.map(row)}</tbody></table></div>`
}

/** Pairs of a name and a value, without those that are not known. */
const facts = (pairs: readonly (readonly [name: string, value: Part])[]): Markup =>
  html`<dl class="facts">${pairs
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

/** Records about a run that stand apart from its options. */
const apart = new Set([
  'format',
  'version',
  'machine',
  'sizes',
  'classes',
  'networkHash',
  'dataHash',
  'maskHash',
])

function machine(run: RunView, i: number, several: boolean): Markup {
  const { config, device, isa } = run
  const text = (value: unknown): string | null =>
    typeof value === 'string' || typeof value === 'number' ? clipped(String(value), LONGEST_VALUE) : null
  const recorded = isObject(config?.machine) ? config.machine : {}
  const sizes = isObject(config?.sizes) ? config.sizes : {}
  const pairs: [string, Part][] = [
    ['deepzero-native', text(config?.version)],
    ['format', text(config?.format)],
    ['device', [device, isa].filter(Boolean).join(' ') || null],
    ['processor', text(recorded.processor)],
    ['threads', text(recorded.threads ?? (config?.threads || null))],
    ['platform', text(recorded.platform)],
    ['Node.js', text(recorded.node)],
    ...Object.entries(sizes)
      .slice(0, 12)
      .map(([name, value]): [string, Part] => [clipped(name, 40), text(value)]),
    ['network', config?.networkHash ? html`<code>${clipped(String(config.networkHash), 16)}</code>` : null],
    ['data', config?.dataHash ? html`<code>${clipped(String(config.dataHash), 16)}</code>` : null],
    ['directory', html`<code>${clipped(run.directory, 200)}</code>`],
  ]
  return html`<div class="card" data-run="${i}">${several && html`<h4 class="run">${swatch(i)}<span>${run.name}</span></h4>`}${facts(pairs)}</div>`
}

export function configurationSection(runs: readonly RunView[]): Markup {
  const several = runs.length > 1
  const differing = several ? differingOptions(runs).slice(0, MOST_KEYS) : []
  const keys = [...new Set(runs.flatMap(({ config }) => Object.keys(config ?? {})))]
    .filter((key) => !apart.has(key))
    .slice(0, MOST_KEYS)
  const machines = html`<div class="cards">${runs.map((run, i) => machine(run, i, several))}</div>`
  return html`<h2>Configuration</h2>
${differing.length > 0 && html`<h3>What differs</h3>${options(runs, differing, 'Options that differ')}`}
${
  keys.length > 0 &&
  html`<details data-key="options"${!several && html` open`}><summary>All ${keys.length} options</summary>${several ? options(runs, keys, 'All options') : optionList(runs[0] as RunView, keys)}</details>`
}
${runs.length > SHOWN_MACHINES ? html`<details data-key="machines"><summary>Machines and versions</summary>${machines}</details>` : html`<h3>Machine and version</h3>${machines}`}`
}
