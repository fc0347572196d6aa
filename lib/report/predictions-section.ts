/** Confusion matrices, and the images that a network is most sure about and wrong. */
import { clipped, count, percent } from './format.ts'
import { leftOut, swatch } from './line-chart.ts'
import { html, type Markup, type Part } from './markup.ts'
import type { Predictions } from './predictions.ts'
import type { RunView } from './run-reader.ts'

/** Steps of the tint behind a share. */
const TINTS = 10
/** Cells of all confusion matrices on a page; further runs are left out. */
const ALL_CELLS = 5000

function matrix({ classes, matrix: counts }: Predictions, name: string): Markup {
  const row = (label: string, i: number): Markup => {
    const line = counts[i] as readonly number[]
    const total = line.reduce((sum, value) => sum + value, 0)
    return html`<tr><th scope="row">${clipped(label, 24)}</th>${line.map((value, j) => {
      const tint = total === 0 ? 0 : Math.ceil((TINTS * value) / total)
      return html`<td class="t${tint}${i === j && ' hit'}" title="${label} taken for ${classes[j]}: ${value} of ${total}">${value}</td>`
    })}<td class="total">${total === 0 ? '–' : percent((line[i] as number) / total, 0)}</td></tr>`
  }
  return html`<div class="wide" tabindex="0" role="region" aria-label="Confusion matrix of ${name}"><table class="confusion"><caption class="vh">Confusion matrix of ${name}: rows are the classes of the images, columns what they were taken for</caption><thead><tr><td></td>${classes.map(
    (label) => html`<th scope="col"><span>${clipped(label, 24)}</span></th>`,
  )}<th scope="col"><span>right</span></th></tr></thead><tbody>${classes.map(row)}</tbody></table></div>`
}

function thumbnails({ wrong, classes }: Predictions): Part {
  if (wrong.length === 0) return html`<p>No image is wrong, or they are too large to be shown.</p>`
  return html`<ul class="thumbnails">${wrong.map(({ index, label, predicted, confidence, source }) => {
    const [is, taken] = [clipped(classes[label] ?? '', 24), clipped(classes[predicted] ?? '', 24)]
    return html`<li><img src="${source}" alt="test image ${index}: ${is}, taken for ${taken}" width="64" height="64"/><span class="taken">${taken}</span><span class="is">is ${is}</span><span class="sure">${percent(confidence, 0)} sure</span></li>`
  })}</ul>`
}

function ofRun(run: RunView, i: number, several: boolean): Markup {
  const predictions = run.predictions as Predictions
  const { correct, images, note } = predictions
  const step = run.weights?.step
  const body = html`<p>Weights of step ${step ?? '–'} on ${count(images)} test images: ${percent(correct / images)} right.${note && ` Note: ${note}.`}</p>
<div class="predictions"><figure class="chart"><figcaption><h3>Confusion matrix</h3><p>rows: class of the image; columns: taken for</p></figcaption>${matrix(predictions, run.name)}</figure>
<figure class="chart"><figcaption><h3>Wrong, and sure of it</h3><p>of each class the mistakes with the largest softmax</p></figcaption>${thumbnails(predictions)}</figure></div>`
  return several
    ? html`<details data-run="${i}" data-key="predictions-${i}"${i === 0 && html` open`}><summary><span class="run">${swatch(i)}<span>${run.name}</span></span></summary>${body}</details>`
    : body
}

export function predictionsSection(runs: readonly RunView[]): Markup | null {
  const drawn = runs.map((run, i) => [run, i] as const).filter(([{ predictions }]) => predictions !== null)
  if (drawn.length === 0) return null
  const cells = Math.max(
    ...drawn.map(([{ predictions }]) => (predictions as Predictions).classes.length ** 2),
  )
  const shown = drawn.slice(0, Math.max(1, Math.floor(ALL_CELLS / cells)))
  return html`<h2>Predictions</h2>${shown.map(([run, i]) => ofRun(run, i, runs.length > 1))}${leftOut(drawn.length - shown.length)}`
}
