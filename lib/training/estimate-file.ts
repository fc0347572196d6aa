/**
 * A gradient estimate as safetensors: a tensor for each parameter, under its name and in its shape, 0 where nothing was
 * estimated; `coordinates`, the flat indices that were queried (U32, sorted); and as metadata, strings all of them,
 * `format`, `network` (the op list, as in a model file), the estimator with its settings, `seed`, `images`, `loss` and
 * `accuracy` of the batch, and `isa`.
 */
import type { Network } from '../networks/network.ts'
import { writeOutput } from '../output-file.ts'
import { encodeSafetensors, safetensorsOf, type Tensor } from '../safetensors.ts'
import type { GradientEstimate } from './gradient.ts'

const FORMAT = 'deepzero-estimate/1'

export const estimateFile = safetensorsOf('an estimate', FORMAT)

/**
 * Writes an estimate of `network`'s gradient, whole or not at all, and makes its folder. Throws ERR_FILE, and
 * ERR_INVALID_ARGUMENT where another kind of file is there.
 */
export async function saveEstimate(
  path: string,
  { spec, layout }: Pick<Network, 'spec' | 'layout'>,
  { gradient, coordinates, images, loss, accuracy, settings, isa }: GradientEstimate,
): Promise<void> {
  const { estimator, queries, directions, mu, scheme, statistics, labelSmoothing, sparsity, seed, method } =
    settings
  const facts = {
    estimator,
    ...(estimator === 'rge' && { queries, directions }),
    ...{ mu, scheme, statistics, labelSmoothing, sparsity, seed, method, images, loss, accuracy, isa },
  }
  const tensors = layout.parameters.map(({ name, shape, offset, size }): [string, Tensor] => [
    name,
    { dtype: 'F32', shape, data: gradient.subarray(offset, offset + size) },
  ])
  const bytes = encodeSafetensors(
    [...tensors, ['coordinates', { dtype: 'U32', shape: [coordinates.length], data: coordinates }]],
    {
      format: FORMAT,
      network: JSON.stringify(spec),
      ...Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, String(value)])),
    },
  )
  await writeOutput(path, estimateFile, bytes)
}
