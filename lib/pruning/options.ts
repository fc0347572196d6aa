/** Every option of pruning, once: the library and `deepzero prune` go by this table. */
import { LEAST_MU } from '../schedules/smoothing.ts'
import { type OptionTable, trainingOptions, type Values } from '../training/options.ts'
import { rankings } from './scores.ts'

export const pruningMethods = [
  'zo-grasp',
  'zo-grasp-cge',
  'snip',
  'snip-rge',
  'magnitude',
  'random',
  'uniform',
] as const

/** Methods that estimate gradients, by estimator, and those that estimate two. */
const byDirections = ['zo-grasp', 'snip-rge'] as const satisfies readonly (typeof pruningMethods)[number][]
const byCoordinates = ['zo-grasp-cge', 'snip'] as const satisfies readonly (typeof pruningMethods)[number][]
const byEstimate = [...byDirections, ...byCoordinates]
const grasp = ['zo-grasp', 'zo-grasp-cge'] as const satisfies readonly (typeof pruningMethods)[number][]

/** Every option of pruning, with its default and description. */
export const pruningOptions = {
  method: {
    type: 'choice',
    default: 'zo-grasp-cge',
    choices: pruningMethods,
    decides: true,
    description: 'Score of a weight',
  },
  sparsity: {
    type: 'number',
    default: 0.9,
    min: 0,
    below: 1,
    decides: true,
    description: 'Share of conv and linear weights to leave out, over all layers',
  },
  queries: {
    type: 'integer',
    default: 192,
    min: 1,
    decides: true,
    onlyWith: { method: byDirections },
    description: 'Random directions per gradient estimate',
  },
  directions: {
    type: 'choice',
    default: 'tensor',
    choices: ['tensor', 'sphere'],
    decides: true,
    onlyWith: { method: byDirections },
    description: 'Random directions: a unit vector per tensor, or one for all parameters',
  },
  independentDraws: {
    type: 'boolean',
    default: false,
    decides: true,
    onlyWith: { method: ['zo-grasp'] },
    description: 'Draw other directions for the second estimate of zo-grasp instead of the same ones',
  },
  imagesPerClass: {
    type: 'integer',
    default: 0,
    min: 0,
    decides: true,
    onlyWith: { method: byEstimate },
    description:
      'Training images of each class, all together one batch; 0 for 25 along random directions, 1 coordinate-wise',
  },
  augment: { ...trainingOptions.augment, onlyWith: { method: byEstimate } },
  mu: {
    type: 'number',
    default: 5e-3,
    min: LEAST_MU,
    max: 1,
    decides: true,
    onlyWith: { method: byEstimate },
    description: 'Smoothing step of the finite differences',
  },
  step: {
    type: 'number',
    default: 1e-2,
    above: 0,
    max: 1,
    decides: true,
    onlyWith: { method: grasp },
    description: 'How far zo-grasp moves the weights along the gradient, as a share of their norm',
  },
  ranking: {
    type: 'choice',
    default: 'magnitude',
    choices: rankings,
    decides: true,
    onlyWith: { method: grasp },
    description: 'What zo-grasp keeps: the largest |S|, or by sign the smallest S (S = −θ ⊙ Hg)',
  },
  seed: {
    ...trainingOptions.seed,
    description: 'Seed of images, directions and random scores',
  },
  device: trainingOptions.device,
  devices: trainingOptions.devices,
  threads: trainingOptions.threads,
  memory: trainingOptions.memory,
} as const satisfies OptionTable

/** All options of pruning with a value each. */
export type PruningSettings = Values<typeof pruningOptions>
/** Name of a score. */
export type PruningMethod = PruningSettings['method']

/** The estimator that a method's gradients come from; none where it looks at no images. */
export const estimatorOf = (method: PruningMethod): 'rge' | 'cge' | undefined =>
  byDirections.some((name) => name === method)
    ? 'rge'
    : byCoordinates.some((name) => name === method)
      ? 'cge'
      : undefined

/** Options that a method's ratios depend on, besides sparsity and seed: those that it alone, with others, reads. */
export const optionsOf = (method: PruningMethod): (keyof PruningSettings)[] =>
  (Object.entries(pruningOptions) as [keyof PruningSettings, OptionTable[string]][])
    .filter(([, { onlyWith }]) => onlyWith?.method?.includes(method))
    .map(([name]) => name)
