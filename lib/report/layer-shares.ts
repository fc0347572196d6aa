/**
 * How many weights of each convolution and linear layer a run queries: from the layer ratios in its configuration, or
 * from its sparsity and the layers of its model file.
 */
import { isObject } from '../check.ts'
import { keptOf } from '../coordinates.ts'
import { loadModel } from '../model.ts'
import { layerWeights } from '../pruning/ratios.ts'
import { clipped } from './format.ts'
import { numberOf } from './records.ts'

export interface LayerShare {
  readonly name: string
  readonly keep: number
  readonly of: number
}

/** Layers that a report shows; the networks of the package have up to 65. */
export const MOST_LAYERS = 120

/** The layers, or why they are not known. */
export async function layerShares(
  config: Readonly<Record<string, unknown>> | null,
  model: string | null,
): Promise<readonly LayerShare[] | string> {
  if (config === null) return 'they stand in config.json, which is not there'
  const { ratios, mask } = config
  if (isObject(ratios) && isObject(ratios.layers)) {
    const layers = Object.entries(ratios.layers).flatMap(([name, layer]) => {
      const share = {
        name: clipped(name, 80),
        keep: numberOf(isObject(layer) && layer.keep),
        of: numberOf(isObject(layer) && layer.of),
      }
      return share.keep >= 0 && share.of > 0 && share.keep <= share.of ? [share] : []
    })
    return layers.length > 0 ? layers.slice(0, MOST_LAYERS) : 'the ratios in config.json are damaged'
  }
  if (typeof mask === 'string') return `a mask chose the coordinates (${clipped(mask, 200)})`
  if (model === null) return 'a model file would name the layers, and there is no checkpoint'
  const sparsity = numberOf(config.sparsity)
  if (!(sparsity >= 0 && sparsity < 1)) return 'config.json has neither ratios nor a sparsity'
  try {
    const { layout } = await loadModel(model)
    return layerWeights(layout)
      .slice(0, MOST_LAYERS)
      .map(({ name, size }) => ({
        name: clipped(name, 80),
        keep: sparsity === 0 ? size : keptOf(size, sparsity),
        of: size,
      }))
  } catch (error) {
    return clipped((error as Error).message, 300)
  }
}
