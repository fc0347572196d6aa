// Options of training that fit or contradict each other, layers of options, and words among numbers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addFlags } from '../lib/cli/flags.ts'
import { resolveTraining, type TrainFlags, trainTable } from '../lib/cli/train.ts'
import { builtin } from '../lib/data/builtin.ts'
import type { DeepZeroError } from '../lib/errors.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { RUN_FORMAT } from '../lib/runs/config.ts'
import { version } from '../lib/runs/version.ts'
import { checkTraining } from '../lib/training/check-options.ts'
import { mergeLayers, resolveOptions, trainingOptions } from '../lib/training/options.ts'
import { train } from '../lib/training/train.ts'
import { rejects } from './fixtures/rejects.ts'

const label = (name: string): string => `options.${name}`
const check = (given: object) =>
  checkTraining(resolveOptions(trainingOptions, given as Record<string, unknown>), label)

function refused(given: object, message: RegExp): void {
  assert.throws(
    () => check(given),
    (error: DeepZeroError) => {
      assert.is(error.code, 'ERR_INVALID_ARGUMENT')
      assert.match(error.message, message)
      return true
    },
  )
}

test('what nothing would read is refused, with the option that is missing', () => {
  refused({ queries: 10 }, /options\.queries: .* unless options\.estimator is 'rge', received 10/)
  refused({ directions: 'tensor' }, /options\.directions: .* options\.estimator is 'rge'/)
  refused(
    { beta1: 0.8 },
    /options\.beta1: .* unless options\.optimizer is 'adam' or 'amsgrad', received 0\.8/,
  )
  refused({ optimizer: 'adam', momentum: 0.5 }, /options\.momentum: .* 'sgd' or 'signsgd'/)
  refused({ optimizer: 'signsgd', nesterov: true }, /options\.nesterov/)
  refused({ muEnd: 1e-5 }, /options\.muEnd: .* options\.muSchedule is 'geometric'/)
  refused({ milestones: [3] }, /options\.milestones: .* options\.schedule is 'step', received an array of 1/)
  refused({ oneCycleRise: 0.5 }, /options\.oneCycleRise: .* 'one-cycle'/)
  refused({ schedule: 'one-cycle', warmupEpochs: 1 }, /options\.warmupEpochs/)
  const sparsity = 0.5
  refused(
    { sparsity, refreshSteps: 10, refreshEpochs: 1 },
    /options\.refreshEpochs: .* left out beside options\.refreshSteps/,
  )
  for (const name of ['refreshEpochs', 'refreshSteps', 'sparseWeights'] as const) {
    const value = name === 'sparseWeights' || 3
    refused({ [name]: value }, new RegExp(`${name}: .* options\\.sparsity, .* or options\\.mask is given`))
  }
  refused({ mask: 'm', refreshSteps: 3 }, /options\.refreshSteps: .* left out beside options\.mask/)
  refused(
    { sparsity, sparseWeights: true, refreshEpochs: 3 },
    /left out beside options\.sparseWeights, received 3/,
  )
  refused({ run: 'r', force: true }, /options\.force: .* options\.resume is true/)
  refused({ checkpointEverySteps: 3 }, /options\.checkpointEverySteps: .* options\.run is given, received 3/)
  refused({ keepCheckpoints: 3 }, /options\.keepCheckpoints: .* options\.run is given/)
  refused({ tensorboard: true }, /options\.tensorboard: .* options\.run is given/)
})

test('what is read, and every default, is accepted', () => {
  check({ estimator: 'rge', queries: 10, directions: 'rademacher' })
  check({ optimizer: 'adam', beta1: 0.8, beta2: 0.9, epsilon: 1e-4 })
  check({ optimizer: 'signsgd', momentum: 0 })
  check({ schedule: 'one-cycle', oneCycleRise: 0.5, oneCycleDivisor: 10, oneCycleFinalDivisor: 10 })
  check({ mu: 'lr' })
  check({ mu: 1e-2, muSchedule: 'geometric', muEnd: 1e-5 })
  check({ refreshSteps: 10, sparsity: 0.5 })
  // A recorded configuration names all options.
  check(resolveOptions(trainingOptions, {}))
  check({
    ...resolveOptions(trainingOptions, {}),
    optimizer: 'adam',
    schedule: 'one-cycle',
    sparsity: 0.5,
    updates: 'active',
  })
})

test('contradictions', () => {
  refused({ mu: 'lr', muSchedule: 'geometric' }, /options\.muSchedule: expected 'constant', .* 'geometric'/)
  refused({ mu: 'rate' }, /options\.mu: expected a finite number from 1e-7 to 1 or 'lr', received 'rate'/)
  const sparse = { optimizer: 'adam', sparsity: 0.9 }
  refused(sparse, /options\.optimizer: expected options\.decoupledWeightDecay, .* received 'adam'/)
  check({ ...sparse, decoupledWeightDecay: true })
  check({ ...sparse, updates: 'active' })
  check({ ...sparse, weightDecay: 0 })
  check({ ...sparse, optimizer: 'sgd' })
  check({ ...sparse, sparsity: 0 })
  check({ ...sparse, sparseWeights: true })
  refused({ optimizer: 'signsgd', mask: 'm' }, /options\.optimizer: .* received 'signsgd'/)
  refused({ sparsity: 0.5, mask: 'm' }, /choose one/)
})

test('layers: later ones win, and make moot what only earlier ones gave', () => {
  const merged = (...layers: object[]): object =>
    mergeLayers(trainingOptions, layers as Record<string, unknown>[])
  const recipe = { momentum: 0.8, refreshEpochs: 1, lr: 0.2 }
  assert.equal(merged(recipe, { lr: 0.3, momentum: undefined }), { ...recipe, lr: 0.3 })
  assert.equal(merged(recipe, { optimizer: 'adam' }), { refreshEpochs: 1, lr: 0.2, optimizer: 'adam' })
  assert.equal(merged(recipe, { refreshSteps: 10 }), { momentum: 0.8, lr: 0.2, refreshSteps: 10 })
  assert.equal(merged({ sparsity: 0.9 }, { mask: 'm' }, { ratios: 'r' }), { ratios: 'r' })
  assert.equal(merged({ sparsity: 0.9, refreshEpochs: 1 }, { mask: 'm' }), { mask: 'm' })
  assert.equal(merged({ sparsity: 0.9, refreshEpochs: 1 }, { sparsity: 0 }), { sparsity: 0 })
  // In one layer, or given after what makes it moot, it stays and is refused.
  for (const both of [
    merged({ ...recipe, optimizer: 'adam' }),
    merged({ optimizer: 'adam' }, { momentum: 0.8 }),
    merged({}, { queries: 3 }),
  ])
    assert.throws(() => check(both), /to be left out unless/)
})

test('on the command line: a flag puts a preset or a file aside, its own contradictions are refused', async () => {
  const resolved = async (flags: TrainFlags) => (await resolveTraining(flags)).settings
  const demo = await resolved({ preset: 'demo', refreshSteps: 10 })
  assert.equal([demo.refreshSteps, demo.refreshEpochs], [10, trainingOptions.refreshEpochs.default])
  const file = join(mkdtempSync(join(tmpdir(), 'deepzero-options-')), 'config.json')
  writeFileSync(file, JSON.stringify({ network: 'resnet8', momentum: 0.5, nesterov: true, mu: 'lr' }))
  const adam = await resolved({ config: file, optimizer: 'adam' })
  assert.equal([adam.optimizer, adam.momentum, adam.nesterov, adam.mu], ['adam', 0.9, false, 'lr'])
  await rejects(resolved({ queries: 3 }), 'ERR_INVALID_ARGUMENT', /^--queries: .* --estimator is 'rge'/)
  const kept = { network: 'resnet8', keepCheckpoints: 9, tensorboard: true }
  writeFileSync(file, JSON.stringify(kept))
  await rejects(resolved({ config: file }), 'ERR_INVALID_ARGUMENT', /^--tensorboard: .* --run is given/)
  const dry = await resolved({ config: file, dryRun: true })
  assert.equal([dry.keepCheckpoints, dry.tensorboard], [trainingOptions.keepCheckpoints.default, false])
})

test("flags: --mu takes a number or 'lr'", () => {
  const parsed = (...args: string[]): unknown =>
    addFlags(new Command(), trainTable).exitOverride().parse(args, { from: 'user' }).opts().mu
  assert.is(parsed('--mu', 'lr'), 'lr')
  assert.is(parsed('--mu', '1e-3'), 1e-3)
  assert.throws(() => parsed('--mu', 'fast'), /--mu: expected a number or 'lr', received 'fast'/)
  assert.throws(
    () => parsed('--mu', '2'),
    /--mu: expected a finite number from 1e-7 to 1 or 'lr', received 2/,
  )
})

test('record adds to config.json and does not overwrite what a run goes by', async () => {
  const run = join(mkdtempSync(join(tmpdir(), 'deepzero-record-')), 'run')
  const data = builtin({ train: 4, test: 2 })
  const record = { format: 'mine', version: '9', seed: 9, data: 'builtin', note: 'by hand' }
  const options = { epochs: 1, batchSize: 4, estimator: 'rge', queries: 1, threads: 1, run, record } as const
  for await (const _ of train(cnn(1, 2, { classes: 10 }), data, options));
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
  assert.is(config.format, RUN_FORMAT)
  assert.is(config.version, version)
  assert.equal([config.seed, config.data, config.note], [1, 'builtin', 'by hand'])
  rmSync(dirname(run), { recursive: true })
})

test.run()
