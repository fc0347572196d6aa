/**
 * Spearman's rank correlation of layer ratios: how alike two results order the layers, whatever their scale. The
 * Pearson correlation of the ranks of keep/of, where equal values share the mean of their ranks.
 */
import { refusal } from '../check.ts'
import type { LayerRatios } from './ratios.ts'

/** Of two lists of the same length; NaN when all values of one are equal. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length < 2)
    throw refusal('values', 'two lists of the same length, 2 or more', [a.length, b.length].join(' and '))
  const x = ranks(a)
  const y = ranks(b)
  const mean = (a.length + 1) / 2
  let xy = 0
  let xx = 0
  let yy = 0
  for (let i = 0; i < x.length; ++i) {
    const dx = (x[i] as number) - mean
    const dy = (y[i] as number) - mean
    xy += dx * dy
    xx += dx * dx
    yy += dy * dy
  }
  return xy / Math.sqrt(xx * yy)
}

/** Ranks from 1. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort(
    (i, j) => (values[i] as number) - (values[j] as number),
  )
  const out = new Float64Array(values.length)
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) ++to
    for (let k = from; k < to; ++k) out[order[k] as number] = (from + 1 + to) / 2
    from = to
  }
  return out
}

/** Of the shares that two results keep in each layer. Throws ERR_INVALID_ARGUMENT when their layers differ. */
export function ratioCorrelation(a: LayerRatios, b: LayerRatios): number {
  const names = Object.keys(a.layers)
  const other = Object.keys(b.layers)
  if (names.length !== other.length || names.some((name) => !Object.hasOwn(b.layers, name)))
    throw refusal('layers', `the same in both: ${names.join(', ')}`, other.join(', '))
  const share = ({ layers }: LayerRatios): number[] =>
    names.map((name) => (layers[name]?.keep as number) / (layers[name]?.of as number))
  return spearman(share(a), share(b))
}
