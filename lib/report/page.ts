/**
 * The report as one HTML file: style, script, pictures and images inside, no address outside. A content security policy
 * with the hashes of style and script lets nothing else run or load, whatever a run's files hold. A page has at most
 * `MOST_RUNS` runs; curves, cells and thumbnails are shared out among them, so that it stays below `LARGEST_PAGE` bytes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { configurationSection } from './configuration-section.ts'
import { curvesSection } from './curves.ts'
import { figuresSection } from './figures-section.ts'
import { clipped } from './format.ts'
import { heatMapSection } from './heat-map-section.ts'
import { layersSection } from './layers-section.ts'
import { markerSymbols, swatch } from './line-chart.ts'
import { html, type Markup, trusted } from './markup.ts'
import { paletteStyle } from './palette.ts'
import { predictionsSection } from './predictions-section.ts'
import type { RunView } from './run-reader.ts'

export const MOST_RUNS = 40
export const LARGEST_PAGE = 4 << 20

/** Wrong images of all runs together. */
const ALL_THUMBNAILS = 80
/** Of a run at most. */
const MOST_THUMBNAILS = 30

/** Wrong images that each of so many runs may show. */
export const thumbnailsFor = (runs: number): number =>
  Math.min(MOST_THUMBNAILS, Math.max(2, Math.floor(ALL_THUMBNAILS / Math.max(1, runs))))

export interface PageFacts {
  readonly version: string
  /** When the report was made, as it is to be shown. */
  readonly made: string
  /** Node.js and platform that made it. */
  readonly by: string
}

/** Marks a file as a report, which may be replaced by another. */
export const GENERATOR = 'deepzero-native report'

/** From lib/report and dist/report alike: the package has both. */
const part = (name: string): string =>
  readFileSync(new URL(`../../lib/report/${name}`, import.meta.url), 'utf8')

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

function head(title: string, facts: PageFacts, live: boolean): { markup: Markup; script: Markup } {
  const style = `${paletteStyle()}\n${part('page.css')}`
  const script = part('page.js')
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src ${hashOf(style)}`,
    `script-src ${hashOf(script)}`,
    live ? "connect-src 'self'" : "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return {
    markup: html`<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${GENERATOR} ${facts.version}">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>`,
    script: html`<script>${trusted(script)}</script>`,
  }
}

export const titleOf = (runs: readonly RunView[]): string =>
  runs.length === 1 ? clipped((runs[0] as RunView).name, 80) : `${runs.length} runs`

function statusSection(runs: readonly RunView[]): Markup | null {
  if (runs.length !== 1) return null
  const { kind, text } = (runs[0] as RunView).status
  return html`<p class="status ${kind}" role="status"><span class="state ${kind}">${kind}</span> <span>${text}</span></p>`
}

function missingSection(runs: readonly RunView[]): Markup | null {
  const several = runs.length > 1
  const items = runs.flatMap(({ name, missing }, i) =>
    missing.map(
      ({ what, why }) =>
        html`<li data-run="${i}">${several && html`<b>${name}</b>: `}<b>${what}</b>: ${clipped(why, 400)}</li>`,
    ),
  )
  if (items.length === 0) return null
  return html`<details class="missing" data-key="missing"${!several && html` open`}><summary>Not in this report: ${items.length} ${items.length === 1 ? 'part' : 'parts'}</summary><ul>${items}</ul></details>`
}

function legendSection(runs: readonly RunView[]): Markup | null {
  if (runs.length === 1) return null
  return html`<div class="keys" role="group" aria-label="Runs shown">${runs.map(
    ({ name }, i) =>
      html`<button type="button" class="key" data-toggle="run" data-value="${i}" aria-pressed="true">${swatch(i)}<span>${name}</span></button>`,
  )}<button type="button" class="key all" data-show-all>show all</button></div>`
}

/** The parts of the page by their ids; a page that follows a run replaces those that have changed. */
export function sections(runs: readonly RunView[]): ReadonlyMap<string, Markup> {
  const parts: [string, Markup | null][] = [
    ['status', statusSection(runs)],
    ['figures', figuresSection(runs)],
    ['missing', missingSection(runs)],
    ['legend', legendSection(runs)],
    ['curves', curvesSection(runs)],
    ['layers', layersSection(runs)],
    ['estimates', heatMapSection(runs)],
    ['predictions', predictionsSection(runs)],
    ['configuration', configurationSection(runs)],
  ]
  return new Map(parts.map(([id, markup]) => [id, markup ?? html``]))
}

/** Tells one state of a part from another: what a page has already, it does not replace. */
export const stateOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 16)

/** The whole page. `live`: it follows the run through server-sent events at `events`. */
export function page(runs: readonly RunView[], facts: PageFacts, live = false): string {
  const title = titleOf(runs)
  const network = runs.length === 1 && runs[0]?.config?.network
  const { markup, script } = head(`${title} – deepzero`, facts, live)
  const body = [...sections(runs)].map(
    ([
      id,
      content,
    ]) => html`<section id="${id}"${live && html` data-state="${stateOf(content.text)}"`}>${content}</section>
`,
  )
  return html`<!doctype html>
<html lang="en"${runs.length === 1 && html` class="single"`}>
<head>
${markup}
</head>
<body${live && html` data-live`}>
<a class="skip" href="#figures">Skip to the figures</a>
${markerSymbols()}
<header><div><p class="kicker">deepzero ${live ? 'live view' : 'report'}</p><h1>${title}</h1>${
    typeof network === 'string' && html`<p class="sub">${clipped(network, 80)}</p>`
  }</div><button type="button" class="theme" hidden>Theme: <span>auto</span></button></header>
${live && html`<p class="link" id="link" role="status" aria-live="polite" hidden></p>`}
<main>
${body}</main>
<footer><p>${live ? 'Served' : 'Made'} by deepzero-native ${facts.version}, ${facts.by}, ${facts.made}.</p></footer>
${script}
</body>
</html>
`.text
}
