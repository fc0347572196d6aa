/** The share of each layer's weights that is queried: a row per layer, a mark per run, drawn from 0 for a single run. */
import { count, percent } from './format.ts'
import { type LayerShare, MOST_LAYERS } from './layer-shares.ts'
import { html, type Markup } from './markup.ts'
import { colourOf } from './palette.ts'
import type { RunView } from './run-reader.ts'

const ROW = 22
/** Runs whose marks also name themselves under the pointer; of more the table alone has the numbers. */
const NAMED_RUNS = 12

interface Drawn {
  readonly run: number
  readonly name: string
  readonly shares: ReadonlyMap<string, LayerShare>
}

const shareOf = ({ keep, of }: LayerShare): number => keep / of
const at = (share: number): string => `${Number((100 * share).toFixed(2))}%`

function picture(drawn: readonly Drawn[], layers: readonly string[]): Markup {
  const single = drawn.length === 1
  const named = drawn.length <= NAMED_RUNS
  const height = layers.length * ROW
  const ticks = [0, 0.25, 0.5, 0.75, 1]
  const mark = ({ run, shares, name }: Drawn, layer: string, y: number): Markup | null => {
    const share = shares.get(layer)
    if (!share) return null
    const text = `${name}, ${layer}: ${percent(shareOf(share))}, ${count(share.keep)} of ${count(share.of)}`
    return html`<g class="series c${colourOf(run)}" data-run="${run}">${
      single && html`<rect class="bar" x="0" y="${y - 6}" width="${at(shareOf(share))}" height="12" rx="2"/>`
    }<use href="#m${colourOf(run)}" x="${at(shareOf(share))}" y="${y}">${named && html`<title>${text}</title>`}</use></g>`
  }
  const rows = layers.map((layer, i) => {
    const y = i * ROW + ROW / 2
    return html`<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}"/><text class="name" x="-8" y="${y + 4}" text-anchor="end">${tail(layer)}</text>${drawn.map((one) => mark(one, layer, y))}`
  })
  return html`<div class="rows" role="img" aria-label="Share of the weights that is queried, by layer; the numbers stand in the table below"><svg aria-hidden="true" focusable="false" width="100%" height="${height}">${ticks.map(
    (tick) =>
      html`<line class="grid" x1="${at(tick)}" x2="${at(tick)}" y1="0" y2="${height}"/><text x="${at(tick)}" y="${height + 16}" text-anchor="middle">${percent(tick, 0)}</text>`,
  )}${rows}</svg></div>`
}

/** The end of a long name, which tells layers apart. */
export const tail = (name: string): string => (name.length > 22 ? `…${name.slice(-21)}` : name)

function numbers(drawn: readonly Drawn[], layers: readonly string[]): Markup {
  const cell = ({ run, shares }: Drawn, layer: string): Markup => {
    const share = shares.get(layer)
    return html`<td class="right" data-run="${run}">${share ? `${count(share.keep)} of ${count(share.of)} (${percent(shareOf(share))})` : '–'}</td>`
  }
  return html`<details class="numbers" data-key="numbers-layers"><summary>Numbers<span class="vh"> of layer ratios</span></summary><div class="wide" tabindex="0" role="region" aria-label="Numbers of layer ratios"><table><thead><tr><th scope="col">layer</th>${drawn.map(
    ({ name, run }) => html`<th scope="col" class="right" data-run="${run}">${name}</th>`,
  )}</tr></thead><tbody>${layers.map(
    (layer) => html`<tr><th scope="row">${layer}</th>${drawn.map((one) => cell(one, layer))}</tr>`,
  )}</tbody></table></div></details>`
}

export function layersSection(runs: readonly RunView[]): Markup | null {
  const drawn = runs.flatMap(({ name, layers }, run): Drawn[] =>
    layers ? [{ run, name, shares: new Map(layers.map((layer) => [layer.name, layer])) }] : [],
  )
  const layers = [...new Set(drawn.flatMap(({ shares }) => [...shares.keys()]))].slice(0, MOST_LAYERS)
  if (layers.length === 0) return null
  const dense = drawn.every(({ shares }) => [...shares.values()].every((share) => shareOf(share) === 1))
  if (dense) {
    return html`<h2>Layer ratios</h2><p>Every step queries all weights of all ${layers.length} layers: the runs are not sparse.</p>${numbers(drawn, layers)}`
  }
  return html`<h2>Layer ratios</h2><p>Share of the weights of each convolution and linear layer that a step queries.</p><div class="card">${picture(drawn, layers)}${numbers(drawn, layers)}</div>`
}
