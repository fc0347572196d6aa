/**
 * Mean and deviation per channel, of pixels scaled to [0, 1] or of floats as they are. Of bytes they come from exact counts
 * per value, summed in the order of the values, so that they depend on no order of images. Of floats sums are float64,
 * relative to the first number of each channel.
 */
import { DeepZeroError } from '../errors.ts'
import type { Inputs, Shape } from './dataset.ts'

export interface MeanAndDeviation {
  readonly mean: number[]
  readonly std: number[]
}

/** Takes inputs piece by piece: any number of whole ones [C, H, W], of one kind. */
export class ChannelStatistics {
  readonly #channels: number
  readonly #plane: number
  /** [C, 256] */
  readonly #counts: Float64Array
  /** Per channel: first number, and sums of (x − first) and (x − first)². */
  readonly #floats: Float64Array
  #numbers = 0
  #areFloats = false

  constructor([channels, height, width]: Shape) {
    this.#channels = channels
    this.#plane = height * width
    this.#counts = new Float64Array(256 * channels)
    this.#floats = new Float64Array(3 * channels)
  }

  add(inputs: Inputs): void {
    const [channels, plane] = [this.#channels, this.#plane]
    if (inputs instanceof Float32Array) this.#addFloats(inputs)
    else
      for (let start = 0, c = 0; start < inputs.length; start += plane, c = (c + 1) % channels) {
        const counts = this.#counts.subarray(256 * c, 256 * (c + 1))
        for (let i = start; i < start + plane; ++i) counts[inputs[i] as number]! += 1
      }
    this.#numbers += inputs.length / channels
  }

  #addFloats(inputs: Float32Array): void {
    const [channels, plane, sums] = [this.#channels, this.#plane, this.#floats]
    for (let start = 0, c = 0; start < inputs.length; start += plane, c = (c + 1) % channels) {
      if (!this.#areFloats) sums[3 * c] = inputs[start] as number
      if (c === channels - 1) this.#areFloats = true
      const first = sums[3 * c] as number
      for (let i = start; i < start + plane; ++i) {
        const x = (inputs[i] as number) - first
        sums[3 * c + 1]! += x
        sums[3 * c + 2]! += x * x
      }
    }
  }

  /** A channel without any variation gets the deviation 1. Throws ERR_DATA when there was nothing. */
  result(): MeanAndDeviation {
    const total = this.#numbers
    if (!(total > 0))
      throw new DeepZeroError('ERR_DATA', 'mean and deviation: expected images, received none')
    const mean: number[] = []
    const std: number[] = []
    for (let c = 0; c < this.#channels; ++c) {
      const [first, sum, squares, scale] = this.#areFloats ? this.#floatSums(c) : this.#byteSums(c)
      const centre = sum / total
      mean.push((first + centre) / scale)
      std.push(Math.sqrt(Math.max(0, squares / total - centre * centre)) / scale || 1)
    }
    return { mean, std }
  }

  #floatSums(c: number): [first: number, sum: number, squares: number, scale: number] {
    const [first, sum, squares] = this.#floats.subarray(3 * c, 3 * c + 3)
    return [first as number, sum as number, squares as number, 1]
  }

  #byteSums(c: number): [first: number, sum: number, squares: number, scale: number] {
    let sum = 0
    let squares = 0
    for (let value = 0; value < 256; ++value) {
      const count = this.#counts[256 * c + value] as number
      sum += count * value
      squares += count * value * value
    }
    return [0, sum, squares, 255]
  }
}

/** Mean and deviation per channel of all inputs. Throws ERR_DATA when there are none. */
export function meanAndDeviation(inputs: Inputs, shape: Shape): MeanAndDeviation {
  const statistics = new ChannelStatistics(shape)
  statistics.add(inputs)
  return statistics.result()
}
