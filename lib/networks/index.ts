/** Networks by name, as the command line and run configurations call them. */
import { checkOptions, requireString, unknownName } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { cnn, MAX_DEPTH } from './cnn.ts'
import { convRegression } from './conv-regression.ts'
import { dncnn } from './dncnn.ts'
import type { Network } from './network.ts'
import {
  type NetworkOptions,
  networkShape,
  resnet8,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
} from './resnet.ts'
import { resnet18 } from './resnet18.ts'

const named: Readonly<Record<string, (options?: NetworkOptions) => Network>> = {
  resnet8,
  resnet18,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
}

/** A network whose name ends in two numbers. */
interface Family {
  /** The two numbers: `DEPTHxCHANNELS`. */
  readonly numbers: string
  readonly expected: string
  readonly accepts: (depth: number, width: number) => boolean
  readonly make: (depth: number, width: number, options: NetworkOptions) => Network
}

/** By what comes before the numbers. */
const families: Readonly<Record<string, Family>> = {
  cnn: {
    numbers: 'DEPTHxCHANNELS',
    expected: `a depth from 1 to ${MAX_DEPTH} and at least one channel, as in cnn-1x18`,
    accepts: (depth, width) => depth >= 1 && depth <= MAX_DEPTH && width >= 1,
    make: cnn,
  },
  dncnn: {
    numbers: 'DEPTHxWIDTH',
    expected: 'a depth of at least 2 and at least one channel, as in dncnn-17x64',
    accepts: (depth, width) => depth >= 2 && width >= 1,
    make: (depth, width, { classes: _, ...options }) => dncnn(depth, width, options),
  },
  regression: {
    numbers: 'DEPTHxWIDTH',
    expected: 'an even depth of at least 4 and at least one channel, as in regression-12x32',
    accepts: (depth, width) => depth >= 4 && depth % 2 === 0 && width >= 1,
    make: (depth, width, { classes: _, ...options }) => convRegression(depth, width, options),
  },
}

/** Every fixed name, and the patterns of the others. */
export const networkNames: readonly string[] = [
  ...Object.keys(named),
  ...Object.entries(families).map(([family, { numbers }]) => `${family}-${numbers}`),
]

/**
 * Builds `resnet8`, `resnet18`, …, `cnn-DEPTHxCHANNELS` (`cnn-1x18`), `dncnn-DEPTHxWIDTH` or `regression-DEPTHxWIDTH`
 * with initial weights; the last two predict numbers and take no classes. Throws ERR_NETWORK for an unknown name, with
 * the nearest known one.
 */
export function networkByName(name: string, options: NetworkOptions = {}): Network {
  requireString('network', name)
  checkOptions(options, networkShape)
  const fixed = Object.hasOwn(named, name) ? named[name] : undefined
  if (fixed !== undefined) return fixed(options)
  const [, kind = '', depth = '', width = ''] = /^([a-z]+)-([0-9]{1,9})x([0-9]{1,9})$/.exec(name) ?? []
  const family = Object.hasOwn(families, kind) ? families[kind] : undefined
  if (family === undefined) throw unknownName('unknown network', name, networkNames, 'ERR_NETWORK')
  if (!family.accepts(Number(depth), Number(width)))
    throw new DeepZeroError('ERR_NETWORK', `network '${name}': expected ${family.expected}`)
  return family.make(Number(depth), Number(width), options)
}
