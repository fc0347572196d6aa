/** Layer ratios as text: a line per layer with counts, share and, where there is room, a bar as long as the share. */
import { type Ratios, totals } from './ratios.ts'

/** A bar shorter than this says nothing. */
const SHORTEST_BAR = 8
const LONGEST_BAR = 40
/** Eighths of a block. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

const count = (n: number): string => n.toLocaleString('en-US')
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** A line of at most `width` columns per layer, and one for all; the largest share has the longest bar. */
export function ratiosTable(ratios: Ratios, width = 80): string {
  const all = totals(ratios)
  const rows = Object.entries(ratios.layers).map(([name, { keep, of }]) => ({
    name,
    cells: [count(keep), count(of), percent(keep / of)],
    share: keep / of,
  }))
  rows.push({ name: 'all', cells: [count(all.keep), count(all.of), percent(all.keep / all.of)], share: 0 })
  const widest = (lengths: number[]): number => Math.max(...lengths)
  const columns = [0, 1, 2].map((c) => widest(rows.map(({ cells }) => (cells[c] as string).length)))
  const names = widest(rows.map(({ name }) => name.length))
  const lines = rows.map(({ name, cells }) => {
    const [keep, of, share] = cells.map((cell, c) => cell.padStart(columns[c] as number))
    return `${name.padEnd(names)}  ${keep} of ${of}  ${share}`
  })
  const room = Math.min(LONGEST_BAR, width - (lines[0] as string).length - 2)
  if (room < SHORTEST_BAR) return lines.join('\n')
  const largest = widest(rows.map(({ share }) => share))
  return lines
    .map((line, i) => `${line}  ${bar(((rows[i]?.share as number) / largest) * room)}`.trimEnd())
    .join('\n')
}

function bar(length: number): string {
  const eighths = Math.round(8 * length)
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}
