/**
 * DnCNN (Zhang, Zuo, Chen, Meng and Zhang, "Beyond a Gaussian denoiser", 2017): predicts the noise of an image, so that
 * image − output is the clean one. A 3×3 convolution with bias and ReLU, depth − 2 times a 3×3 convolution, batch norm and
 * ReLU, and a 3×3 convolution back to the image's channels. As in the authors' code for PyTorch only the first convolution
 * has a bias, batch norm has eps 1e-4 and momentum 0.95, and the parameters are those of a Sequential called `dncnn`:
 * 558,400 of them at depth 17, width 64, 3 channels. The loss is the mean squared error, targets [N, C·H·W] are noise.
 */
import { checkOptions, requireInteger } from '../check.ts'
import { type Network, networkBuilder } from './network.ts'
import { type NetworkOptions, networkShape } from './resnet.ts'

const BATCH_NORM = { eps: 1e-4, momentum: 0.95 } as const

/** `input` is the patch that it is trained on; the weights fit any height and width. */
export function dncnn(depth = 17, width = 64, options: Pick<NetworkOptions, 'seed' | 'input'> = {}): Network {
  const { classes: _, ...shape } = networkShape
  checkOptions(options, shape)
  const { seed = 0, input = [3, 40, 40] } = options
  requireInteger('depth', depth, { min: 2 })
  requireInteger('width', width, { min: 1 })
  const net = networkBuilder(`dncnn-${depth}x${width}`, input, { loss: 'meanSquaredError' })
  let modules = 0
  const name = (): string => `dncnn.${modules++}`
  const conv = { out: width, kernel: 3, padding: 1 }
  let x = net.conv2d(name(), net.input, { ...conv, bias: true })
  x = net.relu(name(), x)
  for (let layer = 2; layer < depth; ++layer) {
    x = net.conv2d(name(), x, conv)
    x = net.batchNorm2d(name(), x, BATCH_NORM)
    x = net.relu(name(), x)
  }
  net.conv2d(name(), x, { ...conv, out: input[0] })
  return net.build({ seed })
}
