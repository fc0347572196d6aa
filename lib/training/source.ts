/** A network by name, with weights of a file if asked, and a data set: what options and configuration files name. */
import { requireString } from '../check.ts'
import { builtin } from '../data/builtin.ts'
import { cifar10 } from '../data/cifar10.ts'
import type { Dataset, Splits } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import { loadModel, loadWeights } from '../model.ts'
import { networkByName, networkNames } from '../networks/index.ts'
import type { Network } from '../networks/network.ts'
import { readNormalisation } from './normalisation.ts'
import type { OptionTable, Values } from './options.ts'

export const sourceOptions = {
  network: {
    type: 'text',
    default: null,
    placeholder: 'NAME',
    decides: true,
    description: `Network: ${networkNames.join(', ')}`,
  },
  data: {
    type: 'text',
    default: 'builtin',
    placeholder: 'DIR|builtin',
    decides: true,
    description: 'Folder with CIFAR-10 in the binary format, or builtin for generated images',
  },
  trainImages: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: true,
    description: 'Training images to use, 0 for all (builtin: 10000)',
  },
  testImages: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: true,
    description: 'Test images to use, 0 for all (builtin: 2000)',
  },
  weights: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description: 'Start from the weights of a safetensors file instead of random ones',
  },
} as const satisfies OptionTable

export type SourceSettings = Values<typeof sourceOptions>

/** The data set that the options name. */
export async function openData({
  data,
  trainImages,
  testImages,
}: Pick<SourceSettings, 'data' | 'trainImages' | 'testImages'>): Promise<Splits> {
  if (data === 'builtin') {
    return builtin({
      ...(trainImages > 0 && { train: trainImages }),
      ...(testImages > 0 && { test: testImages }),
    })
  }
  const splits = await cifar10(data)
  return {
    ...splits,
    train: first(splits.train, trainImages, '--train-images'),
    test: first(splits.test, testImages, '--test-images'),
  }
}

/** The first `count` images of a set, all for 0. */
function first(set: Dataset, count: number, flag: string): Dataset {
  if (count === 0) return set
  if (count > set.count) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `${flag}: expected at most the ${set.count} images of ${set.name}, received ${count}`,
    )
  }
  const size = set.images.length / set.count
  return {
    ...set,
    count,
    images: set.images.subarray(0, count * size),
    labels: set.labels.subarray(0, count),
  }
}

/** The network that the options name, for the classes and images of `data`. */
export async function openNetwork(
  { network: name, weights }: Pick<SourceSettings, 'network' | 'weights'>,
  data: Pick<Splits, 'classes' | 'shape'>,
  seed: number,
): Promise<Network> {
  if (name === null) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `--network: expected the name of a network (${networkNames.join(', ')}), received none`,
    )
  }
  const network = networkByName(requireString('--network', name), {
    classes: data.classes.length,
    seed,
    input: data.shape,
  })
  return weights === null ? network : loadWeights(weights, network)
}

/**
 * As `openNetwork`, but a model file may name its network itself; with the normalisation that its weights were trained
 * with, where it is known. Throws ERR_SHAPE when the network is not one for `data`.
 */
export async function openModel(
  { network: name, weights }: Pick<SourceSettings, 'network' | 'weights'>,
  data: Pick<Splits, 'classes' | 'shape'>,
  seed: number,
): Promise<{ network: Network; normalisation: Awaited<ReturnType<typeof readNormalisation>> }> {
  const network =
    name === null && weights !== null
      ? await loadModel(weights)
      : await openNetwork({ network: name, weights }, data, seed)
  if (network.spec.input.join() !== data.shape.join() || network.layout.outputs !== data.classes.length) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `${weights}: expected a network for images of ${data.shape.join('×')} and ${data.classes.length} classes, ` +
        `${network.spec.name} takes ${network.spec.input.join('×')} and has ${network.layout.outputs} outputs`,
    )
  }
  const normalisation = weights === null ? null : await readNormalisation(weights, data.shape[0])
  return { network, normalisation }
}
