/**
 * Every option of training, once. The library, the CLI's flags, configuration files and `config.json` of a run all go
 * by this table; `option-table.ts` says how, `check-options.ts` which go together.
 */
import { directionKinds } from '../estimators/direction.ts'
import { adamDefaults } from '../optimisers/adam.ts'
import { optimiserKinds } from '../optimisers/optimiser.ts'
import type { Ratios } from '../pruning/ratios.ts'
import { oneCycleDefaults } from '../schedules/one-cycle.ts'
import { DEFAULT_GAMMA, scheduleKinds } from '../schedules/schedule.ts'
import { DEFAULT_MU, LEAST_MU } from '../schedules/smoothing.ts'
import { memoryBounds, precisions, sessionDefaults } from '../session-options.ts'
import type { OptionTable, Values } from './option-table.ts'

export {
  type Chosen,
  type Given,
  mergeLayers,
  type OptionSpec,
  type OptionTable,
  omitOptions,
  resolveOptions,
  type Values,
} from './option-table.ts'

/** The options that say which weights are queried: one of them, or none where all are. */
export const activeSetNames = ['sparsity', 'ratios', 'mask'] as const
/** With these the first set of coordinates is not the last. */
const drawnAgain = { mask: [null], sparseWeights: [false] } as const

/** Every option of training, with its default, description and what it decides. */
export const trainingOptions = {
  epochs: {
    type: 'integer',
    default: 10,
    min: 1,
    decides: true,
    description: 'Passes over the training split; schedules go by them',
  },
  maxSteps: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: false,
    description: 'End after this many steps of the run, 0 for no such limit',
  },
  maxQueries: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: false,
    description: 'End after the step with which the run has made this many queries, 0 for no such limit',
  },
  maxSeconds: {
    type: 'number',
    default: 0,
    min: 0,
    decides: false,
    description:
      'End after the step with which the run has trained this long, resumes included, 0 for no such limit',
  },
  batchSize: { type: 'integer', default: 256, min: 2, decides: true, description: 'Images per step' },
  lr: {
    type: 'number',
    default: 0.1,
    above: 0,
    decides: true,
    description: 'Learning rate after the warm-up, or at the peak of one-cycle',
  },
  estimator: {
    type: 'choice',
    default: 'cge',
    choices: ['cge', 'rge'],
    decides: true,
    description: 'Gradient estimate: one query per coordinate (cge), or along random directions (rge)',
  },
  queries: {
    type: 'integer',
    default: 192,
    min: 1,
    decides: true,
    onlyWith: { estimator: ['rge'] },
    description: 'Directions per step of rge',
  },
  directions: {
    type: 'choice',
    default: 'sphere',
    choices: directionKinds,
    decides: true,
    onlyWith: { estimator: ['rge'] },
    description:
      'Directions of rge: unit vectors of all coordinates (sphere) or of each tensor, normal numbers, signs',
  },
  mu: {
    type: 'number',
    default: DEFAULT_MU,
    min: LEAST_MU,
    max: 1,
    words: ['lr'],
    decides: true,
    description: 'Smoothing step of the finite differences; lr takes the learning rate of the step',
  },
  muSchedule: {
    type: 'choice',
    default: 'constant',
    choices: ['constant', 'proportional', 'geometric'],
    decides: true,
    description: 'Course of mu: the same, in proportion to the learning rate, or geometric from mu to mu-end',
  },
  muEnd: {
    type: 'number',
    default: 1e-6,
    min: LEAST_MU,
    max: 1,
    decides: true,
    onlyWith: { muSchedule: ['geometric'] },
    description: 'Mu of the last step with the geometric course',
  },
  scheme: {
    type: 'choice',
    default: 'forward',
    choices: ['forward', 'central'],
    decides: true,
    description: 'Finite differences: forward, or central (twice the queries, an error of order mu²)',
  },
  statistics: {
    type: 'choice',
    default: 'batch',
    choices: ['batch', 'running'],
    decides: true,
    description:
      'Batch norm in training: statistics of the batch, or the running ones, which then stay as they are',
  },
  labelSmoothing: {
    type: 'number',
    default: 0,
    min: 0,
    below: 1,
    decides: true,
    description: 'Share of each target that is spread over all classes in training, in [0, 1)',
  },
  sparsity: {
    type: 'number',
    default: 0,
    min: 0,
    below: 1,
    decides: true,
    onlyWith: { ratios: [null], mask: [null] },
    description:
      'Share of conv and linear weights that a step does not query, in [0, 1); batch norm and biases always are',
  },
  ratios: {
    type: 'file',
    default: null as string | Ratios | null,
    placeholder: 'FILE',
    decides: true,
    onlyWith: { sparsity: [0], mask: [null] },
    description: 'Layer ratios of deepzero prune, instead of one sparsity for all layers',
  },
  mask: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    onlyWith: { sparsity: [0], ratios: [null] },
    description:
      'Fixed set of coordinates of deepzero prune --mask-out, instead of a sparsity; never refreshed',
  },
  sparseWeights: {
    type: 'boolean',
    default: false,
    decides: true,
    onlyBeside: activeSetNames,
    description: 'Set the weights outside the first set to zero and keep them there; never refreshed',
  },
  refreshEpochs: {
    type: 'integer',
    default: 5,
    min: 1,
    decides: true,
    onlyWith: { refreshSteps: [0], ...drawnAgain },
    onlyBeside: activeSetNames,
    description: 'Epochs after which another set of coordinates is drawn',
  },
  refreshSteps: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: true,
    onlyWith: drawnAgain,
    onlyBeside: activeSetNames,
    description: 'Steps after which another set of coordinates is drawn, 0 for every refresh-epochs',
  },
  optimizer: {
    type: 'choice',
    default: 'sgd',
    choices: optimiserKinds,
    decides: true,
    description: 'How the estimate moves the weights',
  },
  momentum: {
    type: 'number',
    default: 0.9,
    min: 0,
    below: 1,
    decides: true,
    onlyWith: { optimizer: ['sgd', 'signsgd'] },
    description: 'Momentum of sgd and signsgd',
  },
  nesterov: {
    type: 'boolean',
    default: false,
    decides: true,
    onlyWith: { optimizer: ['sgd'] },
    description: 'Nesterov momentum',
  },
  beta1: {
    type: 'number',
    default: adamDefaults.beta1,
    min: 0,
    below: 1,
    decides: true,
    onlyWith: { optimizer: ['adam', 'amsgrad'] },
    description: 'Decay of the first moment of adam and amsgrad',
  },
  beta2: {
    type: 'number',
    default: adamDefaults.beta2,
    min: 0,
    below: 1,
    decides: true,
    onlyWith: { optimizer: ['adam', 'amsgrad'] },
    description: 'Decay of the second moment of adam and amsgrad',
  },
  epsilon: {
    type: 'number',
    default: adamDefaults.epsilon,
    above: 0,
    decides: true,
    onlyWith: { optimizer: ['adam', 'amsgrad'] },
    description: 'Added to the denominator of adam and amsgrad',
  },
  weightDecay: {
    type: 'number',
    default: 5e-4,
    min: 0,
    decides: true,
    description: 'Weight decay',
  },
  decoupledWeightDecay: {
    type: 'boolean',
    default: false,
    decides: true,
    description: 'Decay the weights beside the step instead of as a part of the gradient (AdamW)',
  },
  updates: {
    type: 'choice',
    default: 'all',
    choices: ['all', 'active'],
    decides: true,
    description: 'Momentum and weight decay act on all weights, or on those with an estimate in this step',
  },
  clipNorm: {
    type: 'number',
    default: 0,
    min: 0,
    decides: true,
    description: 'Longest estimate in the 2-norm, longer ones are scaled down; 0 for off',
  },
  clipValue: {
    type: 'number',
    default: 0,
    min: 0,
    decides: true,
    description: 'Largest element of the estimate by magnitude, before clip-norm; 0 for off',
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
    onlyWith: { schedule: ['cosine', 'step', 'constant'] },
    description: 'Epochs of linear warm-up (may be a fraction)',
  },
  milestones: {
    type: 'integers',
    default: [],
    min: 1,
    decides: true,
    onlyWith: { schedule: ['step'] },
    description: 'Epochs after which the step schedule lowers the rate',
  },
  gamma: {
    type: 'number',
    default: DEFAULT_GAMMA,
    above: 0,
    max: 1,
    decides: true,
    onlyWith: { schedule: ['step'] },
    description: 'Factor of the step schedule',
  },
  oneCycleRise: {
    type: 'number',
    default: oneCycleDefaults.rise,
    min: 0,
    max: 1,
    decides: true,
    onlyWith: { schedule: ['one-cycle'] },
    description: 'Share of the steps up to the peak of one-cycle',
  },
  oneCycleDivisor: {
    type: 'number',
    default: oneCycleDefaults.divisor,
    min: 1,
    decides: true,
    onlyWith: { schedule: ['one-cycle'] },
    description: 'One-cycle starts at the learning rate divided by this',
  },
  oneCycleFinalDivisor: {
    type: 'number',
    default: oneCycleDefaults.finalDivisor,
    min: 1,
    decides: true,
    onlyWith: { schedule: ['one-cycle'] },
    description: 'One-cycle ends at its first rate divided by this',
  },
  augment: {
    type: 'boolean',
    default: true,
    decides: true,
    description: 'Pad, crop and flip the training images at random',
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
  devices: {
    type: 'integers',
    default: sessionDefaults.devices,
    min: 0,
    max: 1023,
    decides: false,
    onlyWith: { device: ['auto', 'cuda'] },
    description:
      'CUDA devices to use, by number as deepzero doctor prints them; all that can be used unless given',
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
    default: sessionDefaults.memory,
    ...memoryBounds,
    decides: false,
    description:
      'MiB for the differences in flight, all threads together, 0 for 1 GiB; on CUDA for everything on a device, ' +
      '0 for 80 % of what is free',
  },
  precision: {
    type: 'choice',
    default: sessionDefaults.precision,
    choices: precisions,
    decides: true,
    onlyWith: { estimator: ['cge'], method: ['propagation'] },
    description:
      'Of differences along coordinates: f32, bf16 (halves them in memory; on CUDA also for tensor cores) or f16 ' +
      '(CUDA alone, as bf16)',
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
    onlyWith: { resume: [true] },
    description: 'Resume on another instruction set too, where the bits may differ',
  },
  estimatesEverySteps: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: false,
    description:
      'Steps from one record of the estimate by layer to the next, 0 for one in the first step of each epoch',
  },
  tensorboard: {
    type: 'boolean',
    default: false,
    decides: false,
    onlyBeside: ['run'],
    description: 'Event files of TensorBoard in the run directory, beside its metrics',
  },
  checkpointEverySteps: {
    type: 'integer',
    default: 20,
    min: 1,
    decides: false,
    onlyBeside: ['run'],
    description: 'Steps between checkpoints; there is always one after an epoch',
  },
  keepCheckpoints: {
    type: 'integer',
    default: 2,
    min: 1,
    decides: false,
    onlyBeside: ['run'],
    description: 'Newest checkpoints that are kept, besides the best one',
  },
} as const satisfies OptionTable

/** All options of training with a value each. */
export type TrainSettings = Values<typeof trainingOptions>
