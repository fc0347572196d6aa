/**
 * Recipes by name: values for some of the options of `deepzero train`. A preset comes before a configuration file, and
 * that before flags, so that each of its values can be changed.
 */
import { unknownName } from './check.ts'
import type { TrainSettings } from './training/options.ts'
import type { SourceSettings } from './training/source.ts'

/** A recipe with a name. */
export interface Preset {
  /** One line on what it trains. */
  readonly description: string
  /** The options that it sets. */
  readonly options: Partial<TrainSettings & SourceSettings>
}

/** The paper's ResNet-20 (section 5): ZO-GraSP's layer ratios, a new draw every five epochs. */
const paperResnet20 = (percent: number): Preset => ({
  description: `CIFAR-10 with ResNet-20 at ${percent} % sparsity, layer ratios by ZO-GraSP (paper, section 5)`,
  options: {
    network: 'resnet20',
    prune: 'zo-grasp',
    sparsity: percent / 100,
    epochs: 50,
    batchSize: 256,
    lr: 0.1,
    mu: 5e-3,
    refreshEpochs: 5,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'cosine',
    warmupEpochs: 3,
    augment: true,
  },
})

/** The paper's small networks (section 3), every coordinate queried at every step. */
const paperCnn = (depth: number, parameters: string, epochs: number): Preset => ({
  description: `CIFAR-10 with the ${parameters} parameters of cnn-${depth}x18, all of them queried at every step (paper, section 3)`,
  options: {
    network: `cnn-${depth}x18`,
    epochs,
    batchSize: 256,
    lr: 0.1,
    mu: 5e-3,
    sparsity: 0,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'cosine',
    warmupEpochs: 0,
    augment: false,
  },
})

/** All recipes, by name. */
export const presets: Readonly<Record<string, Preset>> = {
  demo: {
    description:
      'the narrow ResNet on the built-in data with sparse estimates, about two minutes on two cores',
    options: {
      network: 'resnet8',
      data: 'builtin',
      trainImages: 2560,
      testImages: 1000,
      epochs: 7,
      batchSize: 32,
      lr: 0.2,
      mu: 1e-4,
      sparsity: 0.95,
      refreshEpochs: 1,
      momentum: 0.9,
      weightDecay: 5e-4,
      schedule: 'cosine',
      warmupEpochs: 0.25,
      augment: false,
    },
  },
  'paper-resnet20-80': paperResnet20(80),
  'paper-resnet20-90': paperResnet20(90),
  'paper-resnet20-95': paperResnet20(95),
  'paper-resnet20-99': paperResnet20(99),
  // Eight epochs reach the paper's accuracy; the deeper ones have its fifty.
  'paper-cnn-1': paperCnn(1, '730', 8),
  'paper-cnn-2': paperCnn(2, '3,700', 50),
  'paper-cnn-3': paperCnn(3, '6,670', 50),
  'paper-cnn-4': paperCnn(4, '9,640', 50),
  'paper-cnn-5': paperCnn(5, '12,610', 50),
}

/** A preset by name; throws ERR_UNKNOWN_OPTION with the nearest name. */
export function presetByName(name: string): Preset {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined
  if (!preset) throw unknownName('unknown preset', name, Object.keys(presets))
  return preset
}
