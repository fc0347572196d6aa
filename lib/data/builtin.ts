/**
 * The built-in data set: ten classes of 32×32 colour images, drawn by integer arithmetic from the seeded generator,
 * so that every platform has the same bytes and nothing is downloaded.
 *
 * Six classes are shapes (random centre and size), four are textures (random period and phase). Colours of figure
 * and ground, their polarity, the noise and a brightness ramp are random too. The mean image of every class is
 * therefore close to grey: a linear classifier on the pixels learns next to nothing (`examples/linear-baseline.ts`
 * measures it), while a small convolutional network learns most of it in a hundred steps.
 *
 * Image i of a split reads the words i·WORDS … of purpose `syntheticData`, stream 0 (train) or 1 (test), so it does
 * not depend on how many images are asked for. Its class is i mod 10.
 */
import { checkOptions, rule } from '../check.ts'
import { Purpose, randomWords } from '../random.ts'
import type { LabelledImages, Splits } from './dataset.ts'
import { meanAndDeviation } from './statistics.ts'

const SIZE = 32
const SHAPE = [3, SIZE, SIZE] as const
const PIXELS = SIZE * SIZE
/** Words of parameters of an image; the noise, one byte a pixel and channel, follows. */
const PARAMETERS = 16
const WORDS = PARAMETERS + (3 * PIXELS) / 4
/** Positions and sizes count in sixteenths of a pixel. */
const UNIT = 16

/** Whether a point is figure (true) or ground. x, y: sixteenths of a pixel from the centre; r: size, likewise. */
type Figure = (x: number, y: number, r: number) => boolean

/** Even cell number along one axis; x may be negative. */
const even = (x: number, cell: number): boolean => (Math.floor(x / cell) & 1) === 0

const figures: readonly (readonly [string, Figure])[] = [
  ['disk', (x, y, r) => x * x + y * y <= r * r],
  ['ring', (x, y, r) => x * x + y * y <= r * r && 9 * (x * x + y * y) >= 4 * r * r],
  ['triangle', (x, y, r) => Math.abs(y) <= r && 2 * Math.abs(x) <= r + y],
  [
    'cross',
    (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= r && 4 * Math.min(Math.abs(x), Math.abs(y)) <= r,
  ],
  [
    'frame',
    (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= r && 3 * Math.max(Math.abs(x), Math.abs(y)) >= 2 * r,
  ],
  ['dots', (x, y, r) => ((x % r) + r) % r <= r >> 1 && ((y % r) + r) % r <= r >> 1],
  ['rows', (_x, y, r) => even(y, r >> 1)],
  ['columns', (x, _y, r) => even(x, r >> 1)],
  ['diagonals', (x, y, r) => even(x + y, r >> 1)],
  ['checkers', (x, y, r) => even(x, r >> 1) !== even(y, r >> 1)],
]
const TEXTURES_FROM = 5

/** Of a split. */
export const MOST_BUILTIN = 1e6

/** Class names, by label. */
export const builtinClasses: readonly string[] = figures.map(([name]) => name)

/** An integer in [low, high] from a word, without rounding (the product stays below 2^53). */
const between = (word: number, low: number, high: number): number =>
  low + Math.floor((word * (high - low + 1)) / 2 ** 32)

/** Draws image i of the split into `out` [3, 32, 32] from its words. */
function draw(words: Uint32Array, label: number, out: Uint8Array): void {
  const word = (i: number): number => words[i] as number
  const [, figure] = figures[label] as (typeof figures)[number]
  const texture = label >= TEXTURES_FROM
  const centreX = between(word(0), 11 * UNIT, 21 * UNIT)
  const centreY = between(word(1), 11 * UNIT, 21 * UNIT)
  const r = texture ? between(word(2), 5 * UNIT, 9 * UNIT) : between(word(2), 7 * UNIT, 11 * UNIT)
  const amplitude = between(word(3), 1, 3)
  const rampX = between(word(4), -2 * UNIT, 2 * UNIT)
  const rampY = between(word(5), -2 * UNIT, 2 * UNIT)
  const inverted = between(word(6), 0, 1) === 1
  const dark = [8, 10, 12].map((i) => between(word(i), 30, 110))
  const light = [9, 11, 13].map((i) => between(word(i), 150, 230))
  const [ink, ground] = inverted ? [dark, light] : [light, dark]
  for (let row = 0, place = 0; row < SIZE; ++row) {
    for (let column = 0; column < SIZE; ++column, ++place) {
      const inside = figure(UNIT * column - centreX, UNIT * row - centreY, r)
      const ramp = (rampX * (2 * column - SIZE + 1) + rampY * (2 * row - SIZE + 1)) >> 6
      for (let c = 0; c < 3; ++c) {
        const pixel = c * PIXELS + place
        const byte = (word(PARAMETERS + (pixel >> 2)) >>> (8 * (pixel & 3))) & 255
        const noise = amplitude * ((byte & 15) + (byte >> 4) - 15)
        const value = ((inside ? ink[c] : ground[c]) as number) + ramp + noise
        out[pixel] = Math.max(0, Math.min(255, value))
      }
    }
  }
}

/** How many images to generate, and from which seed. */
export interface BuiltinOptions {
  /** Images of the training and the test split; 10,000 and 2,000 by default. */
  readonly train?: number | undefined
  /** Images of the test split. */
  readonly test?: number | undefined
  /** Another seed draws another set of the same kind; 0 by default. */
  readonly seed?: number | undefined
}

/** Draws the built-in data set. Mean and deviation are those of its training images. */
export function builtin(options: BuiltinOptions = {}): Splits<LabelledImages> {
  checkOptions(options, {
    train: rule.integer({ min: 1, max: MOST_BUILTIN }),
    test: rule.integer({ min: 1, max: MOST_BUILTIN }),
    seed: rule.integer({ min: 0 }),
  })
  const { train = 10_000, test = 2_000, seed = 0 } = options
  const trainSet = drawSplit(seed, 0, train)
  const testSet = drawSplit(seed, 1, test)
  const common = { shape: SHAPE, classes: builtinClasses, ...meanAndDeviation(trainSet.images, SHAPE) }
  return {
    name: 'builtin',
    train: { name: 'builtin train', ...trainSet, ...common },
    test: { name: 'builtin test', ...testSet, ...common },
    classes: builtinClasses,
    shape: SHAPE,
  }
}

function drawSplit(
  seed: number,
  stream: number,
  count: number,
): { images: Uint8Array; labels: Uint8Array; count: number } {
  const size = 3 * PIXELS
  const images = new Uint8Array(count * size)
  const labels = Uint8Array.from({ length: count }, (_, i) => i % figures.length)
  const words = new Uint32Array(WORDS)
  for (let i = 0; i < count; ++i) {
    randomWords({ seed, purpose: Purpose.syntheticData, stream }, words, i * WORDS)
    draw(words, labels[i] as number, images.subarray(i * size, (i + 1) * size))
  }
  return { images, labels, count }
}
