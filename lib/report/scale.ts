/** Axes: a range of values onto [0, 1], linear or logarithmic, with round values for its ticks. */

export interface Scale {
  /** Where a value lies, 0 at the start of the axis and 1 at its end. */
  at(value: number): number
  readonly ticks: readonly number[]
  readonly from: number
  readonly to: number
}

/** 1, 2 or 5 times a power of ten, so that a range has at most `most` steps of it. */
export function roundStep(range: number, most: number): number {
  const power = 10 ** Math.floor(Math.log10(range / most))
  const step = [1, 2, 5, 10].find((factor) => factor * power * most >= range * (1 - 1e-9)) ?? 10
  return step * power
}

/** From `low` to `high`, widened to round values where `round` is set. */
export function linearScale(low: number, high: number, most: number, round: boolean): Scale {
  let [from, to] = low <= high ? [low, high] : [0, 1]
  if (from === to) {
    const half = from === 0 ? 0.5 : Math.abs(from) * 0.1
    from -= half
    to += half
  }
  const step = roundStep(to - from, most)
  if (round) {
    from = Math.floor(from / step + 1e-9) * step
    to = Math.ceil(to / step - 1e-9) * step
  }
  const first = Math.ceil(from / step - 1e-9)
  const last = Math.floor(to / step + 1e-9)
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
  return { at: (value) => (value - from) / (to - from), ticks, from, to }
}

/** The same for the logarithm, with powers of ten as ticks, and 2 and 5 times them where there are few. */
export function logScale(low: number, high: number): Scale {
  const from = Math.log10(low)
  const to = Math.log10(high)
  const pad = Math.max(0.05, 0.04 * (to - from))
  const [a, b] = [from - pad, to + pad]
  const decades = Array.from(
    { length: Math.floor(b) - Math.floor(a) + 1 },
    (_, i) => 10 ** (Math.floor(a) + i),
  )
  const every = Math.max(1, Math.ceil(decades.length / 6))
  const factors = b - a < 2 ? [1, 2, 5] : [1]
  const ticks = decades
    .filter((_, i) => i % every === 0)
    .flatMap((decade) => factors.map((factor) => factor * decade))
    .filter((tick) => Math.log10(tick) >= a && Math.log10(tick) <= b)
  return { at: (value) => (Math.log10(value) - a) / (b - a), ticks, from: 10 ** a, to: 10 ** b }
}
