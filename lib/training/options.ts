/**
 * Every option of training, once: type, default, bounds and the sentence that help and documentation show. The
 * library, the CLI's flags, configuration files and `config.json` of a run all go by this table.
 */
import { type Bounds, type Rule, refusal, requireInteger, rule, unknownName } from '../check.ts'
import type { Ratios } from '../pruning/ratios.ts'
import { scheduleKinds } from '../schedules/schedule.ts'

interface Common {
  readonly description: string
  /** Whether the numbers of a run depend on it: such an option cannot change when the run is resumed. */
  readonly decides: boolean
}
interface NumberSpec extends Common, Bounds {
  readonly type: 'integer' | 'number'
  readonly default: number | null
}
interface BooleanSpec extends Common {
  readonly type: 'boolean'
  readonly default: boolean
}
interface TextSpec extends Common {
  readonly type: 'text'
  readonly default: string | null
  /** What the value is, as help shows it: DIR, FILE. */
  readonly placeholder: string
}
/** A file's path, or its content as an object. */
interface FileSpec extends Common {
  readonly type: 'file'
  readonly default: string | object | null
  readonly placeholder: string
}
interface ChoiceSpec<T extends string = string> extends Common {
  readonly type: 'choice'
  readonly default: T
  readonly choices: readonly T[]
}
interface IntegersSpec extends Common {
  readonly type: 'integers'
  readonly default: readonly number[]
}
export type OptionSpec = NumberSpec | BooleanSpec | TextSpec | FileSpec | ChoiceSpec | IntegersSpec
export type OptionTable = Readonly<Record<string, OptionSpec>>

/** The values that a table describes. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends ChoiceSpec<infer C>
    ? C
    : T[K] extends TextSpec
      ? T[K]['default'] extends string
        ? string
        : string | null
      : T[K] extends FileSpec
        ? T[K]['default']
        : T[K] extends BooleanSpec
          ? boolean
          : T[K] extends NumberSpec
            ? T[K]['default'] extends number
              ? number
              : number | null
            : readonly number[]
}

export const trainingOptions = {
  epochs: {
    type: 'integer',
    default: 10,
    min: 1,
    decides: true,
    description: 'Passes over the training split',
  },
  batchSize: { type: 'integer', default: 256, min: 2, decides: true, description: 'Images per step' },
  lr: {
    type: 'number',
    default: 0.1,
    above: 0,
    decides: true,
    description: 'Learning rate after the warm-up',
  },
  mu: {
    type: 'number',
    default: 1e-4,
    min: 1e-7,
    max: 1,
    decides: true,
    description: 'Smoothing step of the finite differences',
  },
  scheme: {
    type: 'choice',
    default: 'forward',
    choices: ['forward', 'central'],
    decides: true,
    description: 'Finite differences: forward, or central (twice the queries, an error of order mu²)',
  },
  sparsity: {
    type: 'number',
    default: 0,
    min: 0,
    below: 1,
    decides: true,
    description:
      'Share of conv and linear weights that a step does not query, in [0, 1); batch norm and biases always are',
  },
  refreshEpochs: {
    type: 'integer',
    default: 5,
    min: 1,
    decides: true,
    description: 'Epochs after which another set of coordinates is drawn',
  },
  ratios: {
    type: 'file',
    default: null as string | Ratios | null,
    placeholder: 'FILE',
    decides: true,
    description: 'Layer ratios of deepzero prune, instead of one sparsity for all layers',
  },
  mask: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description:
      'Fixed set of coordinates of deepzero prune --mask-out, instead of a sparsity; never refreshed',
  },
  sparseWeights: {
    type: 'boolean',
    default: false,
    decides: true,
    description: 'Set the weights outside the first set to zero and keep them there; never refreshed',
  },
  momentum: { type: 'number', default: 0.9, min: 0, below: 1, decides: true, description: 'Momentum of SGD' },
  nesterov: { type: 'boolean', default: false, decides: true, description: 'Nesterov momentum' },
  weightDecay: {
    type: 'number',
    default: 5e-4,
    min: 0,
    decides: true,
    description: 'Weight decay, on all weights',
  },
  schedule: {
    type: 'choice',
    default: 'cosine',
    choices: scheduleKinds,
    decides: true,
    description: 'Course of the learning rate',
  },
  warmupEpochs: {
    type: 'number',
    default: 0,
    min: 0,
    decides: true,
    description: 'Epochs of linear warm-up (may be a fraction)',
  },
  milestones: {
    type: 'integers',
    default: [],
    decides: true,
    description: 'Epochs after which the step schedule lowers the rate',
  },
  gamma: {
    type: 'number',
    default: 0.1,
    above: 0,
    max: 1,
    decides: true,
    description: 'Factor of the step schedule',
  },
  augment: {
    type: 'boolean',
    default: true,
    decides: true,
    description: 'Pad-and-crop and flip the training images',
  },
  seed: {
    type: 'integer',
    default: 1,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    decides: true,
    description: 'Seed of everything random',
  },
  method: {
    type: 'choice',
    default: 'propagation',
    choices: ['propagation', 'two-pass', 'two-pass-f64'],
    decides: true,
    description: 'Difference propagation, or two full passes per query (slow; to compare with)',
  },
  evaluateBatchSize: {
    type: 'integer',
    default: 500,
    min: 1,
    decides: true,
    description: 'Images per call when the test split is evaluated',
  },
  device: {
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'cpu', 'cuda'],
    decides: false,
    description: 'Where to compute; auto takes the best there is, a named device is taken or refused',
  },
  threads: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1024,
    decides: false,
    description: 'Worker threads, 0 for one per core; the numbers do not depend on it',
  },
  memory: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: false,
    description: 'MiB for the differences in flight, all threads together; 0 for 1 GiB',
  },
  run: {
    type: 'text',
    default: null,
    placeholder: 'DIR',
    decides: false,
    description: 'Run directory: configuration, metrics, checkpoints',
  },
  resume: {
    type: 'boolean',
    default: false,
    decides: false,
    description: 'Go on from the last checkpoint of the run directory',
  },
  force: {
    type: 'boolean',
    default: false,
    decides: false,
    description: 'Resume on another instruction set too, where the bits may differ',
  },
  checkpointEverySteps: {
    type: 'integer',
    default: 20,
    min: 1,
    decides: false,
    description: 'Steps between checkpoints; there is always one after an epoch',
  },
  keepCheckpoints: {
    type: 'integer',
    default: 2,
    min: 1,
    decides: false,
    description: 'Newest checkpoints that are kept, besides the best one',
  },
} as const satisfies OptionTable

/** All options of training with a value each. */
export type TrainSettings = Values<typeof trainingOptions>

function ruleOf(spec: OptionSpec): Rule {
  switch (spec.type) {
    case 'integer':
      return rule.integer(spec)
    case 'number':
      return rule.number(spec)
    case 'boolean':
      return rule.boolean()
    case 'choice':
      return rule.oneOf(spec.choices)
    case 'text':
      return (name, value) => {
        if (value !== null) rule.string()(name, value)
      }
    case 'file':
      return (name, value) => {
        if (typeof value === 'object' && value !== null) rule.object()(name, value)
        else if (value !== null) rule.string()(name, value)
      }
    case 'integers':
      return (name, value) => {
        if (!Array.isArray(value)) throw refusal(name, 'an array of integers', value)
        for (const item of value) requireInteger(name, item, { min: 1 })
      }
  }
}

/**
 * Checks options against a table and fills in the defaults. Unknown names are refused with the nearest one; undefined
 * counts as absent.
 * @param label how a message names an option: `--batch-size` on the command line, `options.batchSize` elsewhere
 */
export function resolveOptions<T extends OptionTable>(
  table: T,
  given: Readonly<Record<string, unknown>>,
  where = 'options',
  label: (name: string) => string = (name) => `${where}.${name}`,
): Values<T> {
  const resolved: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(table)) resolved[name] = spec.default
  for (const [name, value] of Object.entries(given)) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined
    if (!spec) throw unknownName(`${where}: unknown option`, name, Object.keys(table))
    if (value === undefined) continue
    ruleOf(spec)(label(name), value)
    resolved[name] = value
  }
  return resolved as Values<T>
}

/** Options of training that fit each other: throws ERR_INVALID_ARGUMENT where they contradict. */
export function checkTraining(settings: TrainSettings, label: (name: string) => string): TrainSettings {
  if (settings.warmupEpochs > settings.epochs) {
    throw refusal(
      label('warmupEpochs'),
      `at most the ${settings.epochs} epochs of the run`,
      settings.warmupEpochs,
    )
  }
  if (settings.schedule === 'step' && settings.milestones.length === 0) {
    throw refusal(label('milestones'), 'at least one epoch for the step schedule', settings.milestones)
  }
  checkActiveSet(settings, label)
  if (settings.resume && settings.run === null) {
    throw refusal(label('run'), 'the run directory to resume', settings.run)
  }
  return settings
}

/** One thing says which weights are queried: a sparsity, ratios or a mask. */
function checkActiveSet(settings: TrainSettings, label: (name: string) => string): void {
  const given = (['sparsity', 'ratios', 'mask'] as const).filter(
    (name) => settings[name] !== trainingOptions[name].default,
  )
  const [first, second] = given
  if (first !== undefined && second !== undefined) {
    throw refusal(
      label(second),
      `no ${second} beside ${label(first)}: choose one, and leave the other at its default`,
      settings[second],
    )
  }
  if (settings.sparseWeights && first === undefined) {
    throw refusal(
      label('sparseWeights'),
      `a sparsity, ratios or a mask that says which weights stay (${label('sparsity')}, ${label('ratios')}, ${label('mask')})`,
      'none',
    )
  }
}
