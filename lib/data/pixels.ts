/** Planes [C, H, W], as data sets have them, as pixels that people look at: of two channels, or more than three, the first. */
import type { Inputs, Shape } from './dataset.ts'
import { encodePng } from './png.ts'

/** Channels that are shown: all three, or one. */
export const shownOf = ([channels]: Shape): 1 | 3 => (channels === 3 ? 3 : 1)

/** Bytes as they are; other numbers stretched from the least, 0, to the largest, 255. */
export function asBytes(inputs: Inputs): Uint8Array {
  if (inputs instanceof Uint8Array) return inputs
  let [least, most] = [Infinity, -Infinity]
  for (const value of inputs) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return Uint8Array.from(inputs, (value) => (255 * (value - least)) / (most - least || 1))
}

/** Image number `index` of [N, C, H, W] into `out`, rows of `stride` bytes, each pixel `scale` times. */
export function draw(
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

/** One image [C, H, W] as a PNG. */
export function imagePng(image: Inputs, shape: Shape): Uint8Array {
  const [, height, width] = shape
  const shown = shownOf(shape)
  const pixels = new Uint8Array(height * width * shown)
  draw(asBytes(image), 0, shape, pixels, { scale: 1, stride: width * shown, shown })
  return encodePng(pixels, height, width, shown)
}
