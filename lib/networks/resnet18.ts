/**
 * ResNet-18 for CIFAR-sized images: the network of He et al., "Deep residual learning for image recognition", 2016, table
 * 1, whose stem is a 3×3 convolution without max-pooling, as is usual for small images. Four stages of two basic blocks
 * with 64, 128, 256, 512 channels; where a stage changes the shape, the shortcut is a 1×1 convolution with batch norm
 * (option B). 11,173,962 parameters with 10 classes. Names are torchvision's: `layer2.0.downsample.0` is such a
 * convolution, `.1` its batch norm.
 */
import { checkOptions } from '../check.ts'
import { type Network, networkBuilder, type Value } from './network.ts'
import { basicBlock, type NetworkOptions, networkShape } from './resnet.ts'

const WIDTHS = [64, 128, 256, 512] as const
const BLOCKS = 2

/** ResNet-18 for small images. */
export function resnet18(options: NetworkOptions = {}): Network {
  checkOptions(options, networkShape)
  const { classes = 10, seed = 0, input = [3, 32, 32] } = options
  const net = networkBuilder('resnet18', input)
  let x = net.conv2d('conv1', net.input, { out: WIDTHS[0], kernel: 3, padding: 1 })
  x = net.relu('relu', net.batchNorm2d('bn1', x))
  WIDTHS.forEach((out, stage) => {
    for (let block = 0; block < BLOCKS; ++block) {
      const name = `layer${stage + 1}.${block}`
      const from = x
      if (stage === 0 || block > 0) {
        x = basicBlock(net, name, from, { out, stride: 1, shortcut: () => from })
        continue
      }
      const shortcut = (): Value => {
        const y = net.conv2d(`${name}.downsample.0`, from, { out, kernel: 1, stride: 2 })
        return net.batchNorm2d(`${name}.downsample.1`, y)
      }
      x = basicBlock(net, name, from, { out, stride: 2, shortcut })
    }
  })
  net.linear('fc', net.globalAvgPool('avgpool', x), { out: classes })
  return net.build({ seed })
}
