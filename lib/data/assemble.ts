/**
 * Inputs of a data set as a batch: cropped where asked, normalised, with their classes or targets.
 *
 * Crop: an integer below 162 from the word of an image gives row (0–8) and column (0–8) of the crop from the image padded
 * by four black pixels, and whether it is mirrored. Normalisation: (value − mean) / std; of bytes value is byte / 255, and
 * the result comes from a table of 256 float32 numbers per channel.
 *
 * What is not finite is refused here, where it still has the number that it has in its set.
 */
import {
  type Batch,
  checkFinite,
  type Dataset,
  type Inputs,
  type LabelledBatch,
  outputsOf,
  type RegressionBatch,
  type Shape,
  sizeOf,
} from './dataset.ts'
import type { Members } from './epoch.ts'

const PAD = 4
const SHIFTS = 2 * PAD + 1

/** Makes batches of one data set. */
export type Assemble = (members: Members, inputs: Inputs, rowOf: (i: number) => number) => Batch

/**
 * A maker of batches. Of `inputs`, any number of rows [C, H, W], member i is row `rowOf(i)`; the batch is the receiver's
 * own. It throws ERR_DATA, naming the member, for an input or a target that is NaN or infinite.
 */
export function assembler(set: Dataset): Assemble {
  const size = sizeOf(set.shape)
  const table = byteTable(set)
  return ({ indices, draws }, inputs, rowOf) => {
    const count = indices.length
    const input = new Float32Array(count * size)
    const cropped = draws && (inputs instanceof Float32Array ? new Float32Array(size) : new Uint8Array(size))
    for (let i = 0; i < count; ++i) {
      const row = inputs.subarray(rowOf(i) * size, (rowOf(i) + 1) * size)
      if (cropped) crop(row, set.shape, draws[i] as number, cropped)
      const from = cropped ?? row
      const to = input.subarray(i * size, (i + 1) * size)
      if (from instanceof Float32Array) {
        normaliseFloats(from, set, to)
        checkFinite(to, set.name, () => `in sample ${indices[i]}, normalised`)
      } else normaliseBytes(from, set.shape, table, to)
    }
    return { input, ...answersOf(set, indices), count }
  }
}

/** The part of a batch that says what is right. */
function answersOf(
  set: Dataset,
  indices: Uint32Array,
): Pick<LabelledBatch, 'target'> | Pick<RegressionBatch, 'targets'> {
  const { labels, targets } = set
  if (labels !== undefined) return { target: Int32Array.from(indices, (index) => labels[index] as number) }
  const outputs = outputsOf(set)
  const chosen = new Float32Array(indices.length * outputs)
  indices.forEach((index, i) =>
    chosen.set(targets!.subarray(index * outputs, (index + 1) * outputs), i * outputs),
  )
  checkFinite(
    chosen,
    `${set.name}: targets`,
    (at) => `at place ${at % outputs} of sample ${indices[Math.floor(at / outputs)]}`,
  )
  return { targets: chosen }
}

/** [C, 256]: the normalised value of every byte. */
function byteTable({ mean, std, shape: [channels] }: Dataset): Float32Array {
  return Float32Array.from({ length: 256 * channels }, (_, i) => {
    const c = i >> 8
    return ((i & 255) / 255 - (mean[c] as number)) / (std[c] as number)
  })
}

function normaliseBytes(
  from: Uint8Array,
  [channels, height, width]: Shape,
  table: Float32Array,
  to: Float32Array,
): void {
  const plane = height * width
  for (let c = 0, at = 0; c < channels; ++c) {
    const row = 256 * c
    for (let i = 0; i < plane; ++i, ++at) to[at] = table[row + (from[at] as number)] as number
  }
}

function normaliseFloats(from: Float32Array, { shape, mean, std }: Dataset, to: Float32Array): void {
  const plane = shape[1] * shape[2]
  for (let c = 0, at = 0; c < shape[0]; ++c) {
    const [centre, deviation] = [mean[c] as number, std[c] as number]
    for (let i = 0; i < plane; ++i, ++at) to[at] = ((from[at] as number) - centre) / deviation
  }
}

/** The crop of the padded image that the word says: output (y, x) is input (y + dy, x + dx), black outside. */
function crop(image: Inputs, [channels, height, width]: Shape, word: number, out: Inputs): void {
  const draw = Math.floor((word * 2 * SHIFTS * SHIFTS) / 2 ** 32)
  const dy = (Math.floor(draw / (2 * SHIFTS)) | 0) - PAD
  const dx = (Math.floor(draw / 2) % SHIFTS) - PAD
  const mirrored = draw % 2 === 1
  const step = mirrored ? -1 : 1
  let to = 0
  for (let c = 0; c < channels; ++c) {
    for (let y = 0; y < height; ++y) {
      const fromY = y + dy
      if (fromY < 0 || fromY >= height) {
        out.fill(0, to, to + width)
        to += width
        continue
      }
      const line = (c * height + fromY) * width
      let fromX = dx + (mirrored ? width - 1 : 0)
      for (let x = 0; x < width; ++x, fromX += step)
        out[to++] = fromX < 0 || fromX >= width ? 0 : (image[line + fromX] as number)
    }
  }
}
