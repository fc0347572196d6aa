/** A network by name, with weights of a file if asked, and a data set: what options and configuration files name. */
import { requireInteger, requireString } from '../check.ts'
import { builtin, MOST_BUILTIN } from '../data/builtin.ts'
import { labelKinds } from '../data/cifar100.ts'
import { type Dataset, firstOf, outputsOf, type Splits } from '../data/dataset.ts'
import type { DecodeOptions } from '../data/decoded-split.ts'
import { detectFormat, openAs, refuseOtherFormats } from '../data/open-data.ts'
import { DeepZeroError } from '../errors.ts'
import { loadModel, loadWeights } from '../model.ts'
import { networkByName, networkNames } from '../networks/index.ts'
import type { Network } from '../networks/network.ts'
import { pruningMethods } from '../pruning/options.ts'
import { readNormalisation } from './normalisation.ts'
import type { OptionTable, Values } from './options.ts'

/** Which data, and how it is read. */
export const dataOptions = {
  data: {
    type: 'text',
    default: 'builtin',
    placeholder: 'DIR|builtin',
    decides: true,
    description:
      'Folder with CIFAR-10 or CIFAR-100 (binary), MNIST files or images by class, or builtin for generated images',
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
  labels: {
    type: 'choice',
    default: 'fine',
    choices: labelKinds,
    decides: true,
    description: 'Classes of CIFAR-100: fine (100) or coarse (20)',
  },
  imageSize: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 4096,
    decides: true,
    description: 'Height and width that images of a folder are scaled to, 0 for their own, all the same',
  },
  imageChannels: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 3,
    decides: true,
    description: 'Channels of the images of a folder: 1 (grey) or 3 (colour), 0 for those of the first image',
  },
  dataCache: {
    type: 'text',
    default: null,
    placeholder: 'DIR',
    decides: false,
    description: 'Folder for decoded images instead of .deepzero-cache in the data folder',
  },
} as const satisfies OptionTable

export const sourceOptions = {
  network: {
    type: 'text',
    default: null,
    placeholder: 'NAME',
    decides: true,
    description: `Network: ${networkNames.join(', ')}`,
  },
  ...dataOptions,
  weights: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: true,
    description: 'Start from the weights of a safetensors file instead of random ones',
  },
  prune: {
    type: 'choice',
    default: 'none',
    choices: ['none', ...pruningMethods],
    placeholder: 'METHOD',
    decides: true,
    onlyWith: { ratios: [null], mask: [null] },
    description: 'Find the layer ratios for the sparsity by a method of deepzero prune before training',
  },
} as const satisfies OptionTable

export type SourceSettings = Values<typeof sourceOptions>

export type DataSettings = Pick<SourceSettings, keyof typeof dataOptions>

/** The flags of what a folder's reader calls otherwise. */
const folderFlags = {
  labels: '--labels',
  size: '--image-size',
  channels: '--image-channels',
  cache: '--data-cache',
} as const

/**
 * The data set that the options name. Images of a folder may have to be decoded first: see `DecodeOptions`. Throws as
 * `openFolder`, and ERR_INVALID_ARGUMENT for an option that the data set does not read.
 */
export async function openData(
  { data, trainImages, testImages, labels, imageSize, imageChannels, dataCache }: DataSettings,
  decoding: DecodeOptions = {},
): Promise<Splits> {
  const folder = {
    ...(labels !== dataOptions.labels.default && { labels }),
    ...(imageSize > 0 && { size: imageSize }),
    ...(imageChannels > 0 && { channels: imageChannels }),
    ...(dataCache !== null && { cache: dataCache }),
  }
  const format = data === 'builtin' ? data : await detectFormat(data)
  refuseOtherFormats(data, format, folder, (name) => folderFlags[name])
  if (format === 'builtin') {
    requireInteger('--train-images', trainImages, { min: 0, max: MOST_BUILTIN })
    requireInteger('--test-images', testImages, { min: 0, max: MOST_BUILTIN })
    return builtin({
      ...(trainImages > 0 && { train: trainImages }),
      ...(testImages > 0 && { test: testImages }),
    })
  }
  const splits = await openAs(format, data, { ...decoding, ...folder })
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
  return firstOf(set, count)
}

/** The network that the options name, for the classes and images of `data`. */
export async function openNetwork(
  { network: name, weights }: Pick<SourceSettings, 'network' | 'weights'>,
  data: Splits,
  seed: number,
): Promise<Network> {
  if (name === null) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      `--network: expected the name of a network (${networkNames.join(', ')}), received none`,
    )
  }
  const network = networkFor(requireString('--network', name), data, seed)
  return weights === null ? network : loadWeights(weights, network)
}

/** A named network whose input and outputs are those of the data; where it does not fit, that is said. */
function networkFor(name: string, { train, shape }: Splits, seed: number): Network {
  try {
    return networkByName(name, { classes: outputsOf(train), seed, input: shape })
  } catch (error) {
    if (!(error instanceof DeepZeroError) || error.code !== 'ERR_SHAPE') throw error
    throw new DeepZeroError(
      'ERR_SHAPE',
      `${name} does not fit the images of ${train.name}, ${shape.join('×')} (channels, height, width): ${error.message}; ` +
        'choose a network with fewer reductions, or larger images (--image-size, for image folders)',
      { cause: error },
    )
  }
}

/**
 * As `openNetwork`, but a model file may name its network itself; with the normalisation that its weights were trained
 * with, where it is known. Throws ERR_SHAPE when the network is not one for `data`.
 */
export async function openModel(
  { network: name, weights }: Pick<SourceSettings, 'network' | 'weights'>,
  data: Splits,
  seed: number,
): Promise<{ network: Network; normalisation: Awaited<ReturnType<typeof readNormalisation>> }> {
  const network =
    name === null && weights !== null
      ? await loadModel(weights)
      : await openNetwork({ network: name, weights }, data, seed)
  if (network.spec.input.join() !== data.shape.join() || network.layout.outputs !== outputsOf(data.train)) {
    throw new DeepZeroError(
      'ERR_SHAPE',
      `${weights ?? name}: expected a network for images of ${data.shape.join('×')} and ${outputsOf(data.train)} outputs, ` +
        `${network.spec.name} takes ${network.spec.input.join('×')} and has ${network.layout.outputs} outputs`,
    )
  }
  const normalisation = weights === null ? null : await readNormalisation(weights, data.shape[0])
  return { network, normalisation }
}
