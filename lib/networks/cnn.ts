/**
 * The adjustable network of the paper's small experiments (DeepZero, section 3, "cnn" of 730 to 12,610 parameters):
 * per level a 3×3 convolution with bias, batch norm, ReLU and 2×2 max-pool, then global average pool and a linear
 * layer. Names are those of a PyTorch `Sequential` of four modules a level: `conv_layers.0` is the first convolution,
 * `.1` its batch norm, `.4` the second convolution, `fc` the linear layer.
 */
import { checkOptions, requireInteger } from '../check.ts'
import { type Network, networkBuilder } from './network.ts'
import { type NetworkOptions, networkShape } from './resnet.ts'

/** Halving 32 pixels five times leaves one. */
export const MAX_DEPTH = 5

/** `depth` levels, 1 to 5, of `channels` channels each. */
export function cnn(depth: number, channels: number, options: NetworkOptions = {}): Network {
  checkOptions(options, networkShape)
  const { classes = 10, seed = 0, input = [3, 32, 32] } = options
  requireInteger('depth', depth, { min: 1, max: MAX_DEPTH })
  requireInteger('channels', channels, { min: 1 })
  const net = networkBuilder(`cnn-${depth}x${channels}`, input)
  let x = net.input
  for (let level = 0; level < depth; ++level) {
    const name = (i: number): string => `conv_layers.${4 * level + i}`
    x = net.conv2d(name(0), x, { out: channels, kernel: 3, padding: 1, bias: true })
    x = net.batchNorm2d(name(1), x)
    x = net.relu(name(2), x)
    x = net.maxPool2d(name(3), x, { kernel: 2 })
  }
  net.linear('fc', net.globalAvgPool('pool', x), { out: classes })
  return net.build({ seed })
}
