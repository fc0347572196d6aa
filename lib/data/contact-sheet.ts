/**
 * A contact sheet: a row for each class with its first images, in one PNG. Small images are enlarged by whole numbers, so
 * that pixels stay pixels. Floats are shown from the least to the largest value of the images chosen.
 */
import { refusal } from '../check.ts'
import { type Dataset, type Inputs, inputsAt, type Shape } from './dataset.ts'
import { encodePng } from './png.ts'

export interface SheetOptions {
  /** Images of each class; 10 by default. */
  readonly perClass?: number
  /** Most classes, from the first on; 100 by default. */
  readonly mostClasses?: number
}

const GAP = 2
const BACKGROUND = 24
/** Images are enlarged up to about this many pixels. */
const SHOWN = 48
/** Most pixels of a side of a sheet. */
const LONGEST = 16_384

/** The PNG. Without classes the images are in rows of the same length. Throws ERR_INVALID_ARGUMENT for a sheet too large. */
export async function contactSheet(set: Dataset, options: SheetOptions = {}): Promise<Uint8Array> {
  const { perClass = 10, mostClasses = 100 } = options
  const rows = rowsOf(set, perClass, mostClasses)
  const [channels, height, width] = set.shape
  const scale = Math.max(1, Math.floor(SHOWN / Math.max(height, width)))
  const [cellHeight, cellWidth] = [scale * height + GAP, scale * width + GAP]
  const [sheetHeight, sheetWidth] = [rows.length * cellHeight + GAP, perClass * cellWidth + GAP]
  if (Math.max(sheetHeight, sheetWidth) > LONGEST)
    throw refusal('the contact sheet', `at most ${LONGEST} pixels a side`, `${sheetWidth}×${sheetHeight}`)
  const shown = channels === 1 ? 1 : 3
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

function asBytes(inputs: Inputs): Uint8Array {
  if (inputs instanceof Uint8Array) return inputs
  let [least, most] = [Infinity, -Infinity]
  for (const value of inputs) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return Uint8Array.from(inputs, (value) => (255 * (value - least)) / (most - least || 1))
}

/** Image number `index` of [N, C, H, W] into the sheet, each pixel `scale` times; of two channels, or more than three, the first. */
function draw(
  images: Uint8Array,
  index: number,
  [channels, height, width]: Shape,
  out: Uint8Array,
  { scale, stride, shown }: { scale: number; stride: number; shown: number },
): void {
  const plane = height * width
  for (let y = 0; y < scale * height; ++y)
    for (let x = 0; x < scale * width; ++x)
      for (let c = 0; c < shown; ++c) {
        const from = channels === 3 ? c : 0
        const pixel = Math.floor(y / scale) * width + Math.floor(x / scale)
        out[y * stride + x * shown + c] = images[(index * channels + from) * plane + pixel] as number
      }
}
