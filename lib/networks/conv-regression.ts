/**
 * A convolutional network that predicts a few numbers at each pixel: 5×5 convolutions with bias and leaky ReLU, all but
 * the first and the last in residual pairs, no batch norm:
 *
 *     x ← leaky(conv(input));   x ← leaky(x + conv(leaky(conv(x)))), (depth − 2)/2 times;   output = conv(x)
 *
 * 260,354 parameters with 12 convolutions, 32 channels inside, 3 in and 2 out. The loss is the mean squared error, targets
 * are [N, out·H·W].
 */
import { checkOptions, requireInteger, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { type Network, networkBuilder } from './network.ts'
import { type NetworkOptions, networkShape } from './resnet.ts'

/** Options of `convRegression`. */
export interface ConvRegressionOptions extends Pick<NetworkOptions, 'seed' | 'input'> {
  /** Numbers at each pixel; 2 by default. */
  readonly out?: number | undefined
  /** Of the leaky ReLUs; 0.01 by default. */
  readonly slope?: number | undefined
}

/** `depth` convolutions, an even number of at least 4, of `width` channels. */
export function convRegression(depth = 12, width = 32, options: ConvRegressionOptions = {}): Network {
  const { classes: _, ...shape } = networkShape
  checkOptions(options, { ...shape, out: rule.integer({ min: 1 }), slope: rule.number() })
  const { out = 2, slope = 0.01, seed = 0, input = [3, 32, 32] } = options
  requireInteger('width', width, { min: 1 })
  const name = `regression-${depth}x${width}`
  if (!(Number.isInteger(depth) && depth >= 4 && depth % 2 === 0))
    throw new DeepZeroError(
      'ERR_NETWORK',
      `${name}: expected an even depth of at least 4 (a first and a last convolution, pairs between), received ${depth}`,
    )
  const net = networkBuilder(name, input, { loss: 'meanSquaredError' })
  const conv = { out: width, kernel: 5, padding: 2, bias: true }
  let x = net.leakyRelu('leaky', net.conv2d('first', net.input, conv), { slope })
  for (let pair = 0; pair < (depth - 2) / 2; ++pair) {
    let y = net.conv2d(`pairs.${pair}.conv1`, x, conv)
    y = net.leakyRelu(`pairs.${pair}.leaky1`, y, { slope })
    y = net.conv2d(`pairs.${pair}.conv2`, y, conv)
    x = net.leakyRelu(`pairs.${pair}.leaky2`, net.add(`pairs.${pair}.add`, x, y), { slope })
  }
  net.conv2d('last', x, { ...conv, out })
  return net.build({ seed })
}
