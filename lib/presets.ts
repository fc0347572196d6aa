/**
 * Recipes by name: values for some of the options of `deepzero train`. A preset comes before a configuration file, and
 * that before flags, so that each of its values can be changed.
 */
import { unknownName } from './check.ts'
import type { TrainSettings } from './training/options.ts'
import type { SourceSettings } from './training/source.ts'

export interface Preset {
  readonly description: string
  readonly options: Partial<TrainSettings & SourceSettings>
}

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
  'paper-cnn-1': {
    description:
      'CIFAR-10 with the 730 parameters of cnn-1x18, all of them queried at every step (paper, section 3)',
    options: {
      network: 'cnn-1x18',
      epochs: 8,
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
  },
}

/** A preset by name; throws ERR_UNKNOWN_OPTION with the nearest name. */
export function presetByName(name: string): Preset {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined
  if (!preset) throw unknownName('unknown preset', name, Object.keys(presets))
  return preset
}
