/** Curves of at most so many points: neighbours are averaged, so that a page has a bounded size whatever the run's length. */

export interface Point {
  readonly x: number
  readonly y: number
}

/** Without points that are no numbers. */
export const finite = (points: readonly Point[]): Point[] =>
  points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))

/**
 * At most `most` points, each the mean of as many neighbours as any other (the last group may be smaller); the first
 * and the last point stay as they are, so that a curve keeps its ends.
 */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points
  const inner = points.slice(1, -1)
  const size = Math.ceil(inner.length / Math.max(1, most - 2))
  const out: Point[] = [points[0] as Point]
  for (let start = 0; start < inner.length; start += size) {
    const group = inner.slice(start, start + size)
    const mean = (pick: (point: Point) => number): number =>
      group.reduce((sum, point) => sum + pick(point), 0) / group.length
    out.push({ x: mean(({ x }) => x), y: mean(({ y }) => y) })
  }
  out.push(points.at(-1) as Point)
  return out
}

/** How many neighbours a point stands for. */
export const groupSize = (count: number, most: number): number =>
  count <= most ? 1 : Math.ceil((count - 2) / Math.max(1, most - 2))

/** At most `most` of a list, evenly chosen, with the first and the last. */
export function evenly<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))] as T)
}
