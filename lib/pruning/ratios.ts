/**
 * Layer ratios: how many weights of each convolution and linear layer are kept. As a file, JSON:
 *
 *     {"format": "deepzero-ratios/1", "network": "resnet20", "method": "zo-grasp", "sparsity": 0.9, "seed": 1,
 *      "options": {"queries": 192, …}, "layers": {"conv1.weight": {"keep": 82, "of": 432}, …}}
 *
 * `options` is what the method was run with, for people; nothing reads it. Layers stand in the network's order.
 */
import {
  refusal,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
  unknownName,
} from '../check.ts'
import { DeepZeroError, type ErrorCode } from '../errors.ts'
import { readBytes } from '../files.ts'
import type { NetworkLayout, TensorInfo } from '../native.ts'
import { isLayerWeight } from '../networks/initialise.ts'
import type { Network } from '../networks/network.ts'
import { type FileKind, writeOutput } from '../output-file.ts'

export const RATIOS_FORMAT = 'deepzero-ratios/1'

/** By the first key: a run's configuration can hold ratios, too. */
export const ratiosFile: FileKind = {
  name: 'layer ratios',
  matches: (start) =>
    new RegExp(`^\\s*\\{\\s*"format"\\s*:\\s*"${RATIOS_FORMAT}"`).test(Buffer.from(start).toString()),
}

/** What one layer keeps. */
export interface LayerRatio {
  /** Weights that are kept, at least 1. */
  readonly keep: number
  /** Weights of the layer. */
  readonly of: number
}

/** The part of ratios that draws go by. */
export interface LayerRatios {
  /** By the name of the layer's weight: `conv1.weight`. */
  readonly layers: Readonly<Record<string, LayerRatio>>
}

export interface Ratios extends LayerRatios {
  /** Names this kind of file and its version. */
  readonly format: typeof RATIOS_FORMAT
  /** Name of the network they belong to. */
  readonly network: string
  /** The score that they come from. */
  readonly method: string
  /** Share of all layers' weights that is left out, as asked for. */
  readonly sparsity: number
  /** Seed of the draws behind them. */
  readonly seed: number
  /** The settings that they were made with. */
  readonly options?: Readonly<Record<string, unknown>>
}

type Named = Pick<Network, 'spec' | 'layout'>

/** What pruning thins out: the weights of convolution and linear layers, in the layout's order. */
export const layerWeights = (layout: NetworkLayout): TensorInfo[] => layout.parameters.filter(isLayerWeight)

/** How many weights each layer of `layout` keeps, by name. Throws ERR_INVALID_ARGUMENT where they do not fit it. */
export function layerKeep(layout: NetworkLayout, ratios: LayerRatios): Map<string, number> {
  requireObject('ratios', ratios)
  const { layers } = ratios
  requireObject('layers', layers)
  const weights = layerWeights(layout)
  const keep = new Map<string, number>()
  for (const { name, size } of weights) {
    const layer = Object.hasOwn(layers, name) ? layers[name] : undefined
    if (layer === undefined) throw refusal(`layers: ${name}`, `{ keep, of: ${size} }`, undefined)
    const { keep: kept, of } = requireObject(name, layer)
    if (of !== size) throw refusal(`${name}: of`, `the ${size} weights of the layer`, of)
    keep.set(name, requireInteger(`${name}: keep`, kept, { min: 1, max: size }))
  }
  const strange = Object.keys(layers).find((name) => !keep.has(name))
  if (strange !== undefined) {
    const known = weights.map(({ name }) => name)
    throw unknownName('layers: unknown layer', strange, known, 'ERR_INVALID_ARGUMENT')
  }
  return keep
}

const KEYS = ['format', 'network', 'method', 'sparsity', 'seed', 'options', 'layers']

/**
 * Ratios as they should be, with the layers in the network's order, or an error with `code` whose message starts with
 * `where`: another format or network, a layer that is unknown, missing or of another size, a count out of range.
 */
export function checkRatios(
  value: unknown,
  { spec, layout }: Named,
  where: string,
  code: ErrorCode = 'ERR_INVALID_ARGUMENT',
): Ratios {
  try {
    const given = requireObject('ratios', value)
    if (given.format !== RATIOS_FORMAT) throw refusal('format', `'${RATIOS_FORMAT}'`, given.format)
    const strange = Object.keys(given).find((key) => !KEYS.includes(key))
    if (strange !== undefined) throw unknownName('unknown key', strange, KEYS)
    if (given.network !== spec.name)
      throw refusal('network', `ratios of ${spec.name}, the network in use`, given.network)
    const keep = layerKeep(layout, { layers: requireObject('layers', given.layers) } as LayerRatios)
    return {
      format: RATIOS_FORMAT,
      network: spec.name,
      method: requireString('method', given.method),
      sparsity: requireNumber('sparsity', given.sparsity, { min: 0, below: 1 }),
      seed: requireInteger('seed', given.seed, { min: 0 }),
      ...(given.options !== undefined && { options: requireObject('options', given.options) }),
      layers: layersOf(layout, (_, { name }) => keep.get(name) as number),
    }
  } catch (error) {
    throw new DeepZeroError(code, `${where}: ${(error as Error).message}`, { cause: error })
  }
}

/** `layers` of a layout, from a count for each: of layer number i, or of its tensor. */
export function layersOf(
  layout: NetworkLayout,
  keep: (i: number, tensor: TensorInfo) => number,
): Record<string, LayerRatio> {
  return Object.fromEntries(
    layerWeights(layout).map((tensor, i) => [tensor.name, { keep: keep(i, tensor), of: tensor.size }]),
  )
}

/** Reads a file of ratios for `network`. Throws ERR_FILE when it cannot be read, ERR_MODEL when it does not fit. */
export async function readRatios(path: string, network: Named): Promise<Ratios> {
  requireString('path', path)
  const text = new TextDecoder().decode(await readBytes(path))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new DeepZeroError('ERR_MODEL', `${path}: expected JSON: ${(error as Error).message}`)
  }
  return checkRatios(value, network, path, 'ERR_MODEL')
}

/**
 * Writes ratios, one layer a line, whole or not at all, and makes the folder. Throws ERR_FILE, and ERR_INVALID_ARGUMENT
 * where another kind of file is there.
 */
export async function writeRatios(path: string, ratios: Ratios): Promise<void> {
  if (ratios.format !== RATIOS_FORMAT) throw refusal('ratios.format', `'${RATIOS_FORMAT}'`, ratios.format)
  const { format, layers, ...head } = ratios
  // The format first: files are told by their beginning.
  const fields = Object.entries({ format, ...head }).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  )
  const rows = Object.entries(layers).map(
    ([name, layer]) => `    ${JSON.stringify(name)}: ${JSON.stringify(layer)}`,
  )
  await writeOutput(
    path,
    ratiosFile,
    `{\n${fields.join(',\n')},\n  "layers": {\n${rows.join(',\n')}\n  }\n}\n`,
  )
}

/** Weights that are kept, and all there are. */
export function totals({ layers }: LayerRatios): { readonly keep: number; readonly of: number } {
  let keep = 0
  let of = 0
  for (const layer of Object.values(layers)) {
    keep += layer.keep
    of += layer.of
  }
  return { keep, of }
}
