/** Networks by name, as the command line and run configurations call them. */
import { requireString, unknownName } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { cnn, MAX_DEPTH } from './cnn.ts'
import type { Network } from './network.ts'
import { type NetworkOptions, resnet8, resnet20, resnet32, resnet44, resnet56, resnet110 } from './resnet.ts'

const named: Readonly<Record<string, (options?: NetworkOptions) => Network>> = {
  resnet8,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
}

/** Every fixed name, and the pattern of the others. */
export const networkNames: readonly string[] = [...Object.keys(named), 'cnn-DEPTHxCHANNELS']

/**
 * Builds `resnet8`, `resnet20`, … or `cnn-DEPTHxCHANNELS` (`cnn-1x18`) with initial weights. Throws ERR_NETWORK for an
 * unknown name, with the nearest known one.
 */
export function networkByName(name: string, options: NetworkOptions = {}): Network {
  requireString('network', name)
  const make = Object.hasOwn(named, name) ? named[name] : undefined
  if (make !== undefined) return make(options)
  const match = /^cnn-([0-9]{1,9})x([0-9]{1,9})$/.exec(name)
  if (match === null) throw unknownName('unknown network', name, networkNames, 'ERR_NETWORK')
  const [depth, channels] = [Number(match[1]), Number(match[2])]
  if (depth < 1 || depth > MAX_DEPTH || channels < 1)
    throw new DeepZeroError(
      'ERR_NETWORK',
      `network '${name}': expected a depth from 1 to ${MAX_DEPTH} and at least one channel, as in cnn-1x18`,
    )
  return cnn(depth, channels, options)
}
