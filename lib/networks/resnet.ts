/**
 * Residual networks for CIFAR-sized images (He et al., "Deep residual learning for image recognition", 2016, section
 * 4.2): a 3×3 convolution, three stages of basic blocks with widths w, 2w, 4w, strides 1, 2, 2, identity or option-A
 * shortcuts, global average pool, a linear layer. Depth 6n + 2 with n blocks a stage. Parameter names are those of the
 * common PyTorch implementation: `conv1`, `bn1`, `layerS.B.{conv1,bn1,conv2,bn2}`, `fc`.
 */
import { checkOptions, requireInteger, rule } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { type Network, type NetworkBuilder, networkBuilder, type Value } from './network.ts'

/** Options of networks with names. */
export interface NetworkOptions {
  /** Number of outputs; 10 by default. */
  readonly classes?: number | undefined
  /** Of the initial weights; 0 by default. */
  readonly seed?: number | undefined
  /** Channels, height and width of an image; [3, 32, 32] by default. */
  readonly input?: readonly [number, number, number] | undefined
}

export const networkShape = {
  classes: rule.integer({ min: 1 }),
  seed: rule.integer({ min: 0 }),
  input: rule.any,
}

/** Two 3×3 convolutions with batch norm beside a shortcut, whose ops come after theirs. */
export function basicBlock(
  net: NetworkBuilder,
  name: string,
  x: Value,
  {
    out,
    stride,
    shortcut,
  }: { readonly out: number; readonly stride: number; readonly shortcut: () => Value },
): Value {
  let y = net.conv2d(`${name}.conv1`, x, { out, kernel: 3, stride, padding: 1 })
  y = net.relu(`${name}.relu1`, net.batchNorm2d(`${name}.bn1`, y))
  y = net.conv2d(`${name}.conv2`, y, { out, kernel: 3, padding: 1 })
  y = net.batchNorm2d(`${name}.bn2`, y)
  return net.relu(`${name}.relu2`, net.add(`${name}.add`, y, shortcut()))
}

/** A residual network of depth 6n + 2 whose stages have `width`, 2·`width` and 4·`width` channels. */
export function cifarResnet(
  name: string,
  depth: number,
  width: number,
  options: NetworkOptions = {},
): Network {
  checkOptions(options, networkShape)
  const { classes = 10, seed = 0, input = [3, 32, 32] } = options
  requireInteger('width', width, { min: 1 })
  if (!(Number.isInteger(depth) && depth >= 8 && (depth - 2) % 6 === 0))
    throw new DeepZeroError(
      'ERR_NETWORK',
      `${name}: expected a depth of 8, 14, 20, … (6n + 2), received ${depth}`,
    )
  const blocks = (depth - 2) / 6
  const net = networkBuilder(name, input)
  let x = net.conv2d('conv1', net.input, { out: width, kernel: 3, padding: 1 })
  x = net.relu('relu', net.batchNorm2d('bn1', x))
  for (let stage = 1; stage <= 3; ++stage) {
    const out = width << (stage - 1)
    for (let block = 0; block < blocks; ++block) {
      const at = `layer${stage}.${block}`
      const stride = stage > 1 && block === 0 ? 2 : 1
      const same = x
      const shortcut = (): Value =>
        stride === 1 ? same : net.shortcutA(`${at}.shortcut`, same, { out, stride })
      x = basicBlock(net, at, x, { out, stride, shortcut })
    }
  }
  net.linear('fc', net.globalAvgPool('pool', x), { out: classes })
  return net.build({ seed })
}

/** One narrow block a stage, widths 8, 16, 32: for small machines; 19,218 parameters with 10 classes. */
export const resnet8 = (options?: NetworkOptions): Network => cifarResnet('resnet8', 8, 8, options)
/** ResNet-20. */
export const resnet20 = (options?: NetworkOptions): Network => cifarResnet('resnet20', 20, 16, options)
/** ResNet-32. */
export const resnet32 = (options?: NetworkOptions): Network => cifarResnet('resnet32', 32, 16, options)
/** ResNet-44. */
export const resnet44 = (options?: NetworkOptions): Network => cifarResnet('resnet44', 44, 16, options)
/** ResNet-56. */
export const resnet56 = (options?: NetworkOptions): Network => cifarResnet('resnet56', 56, 16, options)
/** ResNet-110. */
export const resnet110 = (options?: NetworkOptions): Network => cifarResnet('resnet110', 110, 16, options)
