/**
 * A contact sheet: a row for each class with its first images, in one PNG. Small images are enlarged by whole numbers, so
 * that pixels stay pixels. Floats are shown from the least to the largest value of the images chosen.
 */
import { checkOptions, refusal, rule } from '../check.ts'
import { checkDataset, type Dataset, inputsAt } from './dataset.ts'
import { asBytes, draw, shownOf } from './pixels.ts'
import { encodePng } from './png.ts'

/** Options of a contact sheet. */
export interface SheetOptions {
  /** Images of each class; 10 by default. */
  readonly perClass?: number | undefined
  /** Most classes, from the first on; 100 by default. */
  readonly mostClasses?: number | undefined
}

const GAP = 2
const BACKGROUND = 24
/** Images are enlarged up to about this many pixels. */
const SHOWN = 48
/** Most pixels of a side of a sheet. */
const LONGEST = 16_384

/** The PNG. Without classes the images are in rows of the same length. Throws ERR_INVALID_ARGUMENT for a sheet too large. */
export async function contactSheet(set: Dataset, options: SheetOptions = {}): Promise<Uint8Array> {
  checkDataset(set)
  checkOptions(options, { perClass: rule.integer({ min: 1 }), mostClasses: rule.integer({ min: 1 }) })
  const { perClass = 10, mostClasses = 100 } = options
  const rows = rowsOf(set, perClass, mostClasses)
  const [, height, width] = set.shape
  const scale = Math.max(1, Math.floor(SHOWN / Math.max(height, width)))
  const [cellHeight, cellWidth] = [scale * height + GAP, scale * width + GAP]
  const [sheetHeight, sheetWidth] = [rows.length * cellHeight + GAP, perClass * cellWidth + GAP]
  if (Math.max(sheetHeight, sheetWidth) > LONGEST)
    throw refusal('the contact sheet', `at most ${LONGEST} pixels a side`, `${sheetWidth}×${sheetHeight}`)
  const shown = shownOf(set.shape)
  const sheet = new Uint8Array(sheetHeight * sheetWidth * shown).fill(BACKGROUND)
  for (const [row, members] of rows.entries()) {
    if (members.length === 0) continue
    const images = asBytes(await inputsAt(set, Uint32Array.from(members)))
    members.forEach((_, column) => {
      const at = ((row * cellHeight + GAP) * sheetWidth + column * cellWidth + GAP) * shown
      draw(images, column, set.shape, sheet.subarray(at), { scale, stride: sheetWidth * shown, shown })
    })
  }
  return encodePng(sheet, sheetHeight, sheetWidth, shown)
}

/** Numbers of the members in each row. */
function rowsOf({ count, classes, labels }: Dataset, perRow: number, most: number): number[][] {
  if (labels === undefined) {
    const rows = Math.min(most, Math.ceil(count / perRow))
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: Math.min(perRow, count - row * perRow) }, (_, i) => row * perRow + i),
    )
  }
  const rows = Array.from({ length: Math.min(most, classes.length) }, (): number[] => [])
  labels.forEach((label: number, i: number) => {
    const row = rows[label]
    if (row !== undefined && row.length < perRow) row.push(i)
  })
  return rows
}
