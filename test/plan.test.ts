// Before a run: what a plan counts and measures, train --dry-run, and train --prune.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resolveTraining } from '../lib/cli/train.ts'
import {
  builtin,
  networkByName,
  planTraining,
  prune,
  resnet8,
  type TrainSettings,
  trainingOptions,
  uniformSparsity,
} from '../lib/index.ts'
import { resolveOptions } from '../lib/training/options.ts'
import { rejects } from './fixtures/rejects.ts'

const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'deepzero-'))
const deepzero = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', main, ...args], { encoding: 'utf8' })

const data = builtin({ train: 50, test: 20 })
const network = resnet8({ classes: data.classes.length, seed: 1 })
const settings = (given: Partial<TrainSettings>): TrainSettings =>
  resolveOptions(trainingOptions, { batchSize: 20, epochs: 3, threads: 1, ...given })

test('a plan counts queries, steps and work', async () => {
  const { layout } = network
  const active = uniformSparsity(layout, 0.95, { seed: 4 })
  const work = (coordinates: Uint32Array): number =>
    coordinates.reduce((sum, i) => {
      const owner = layout.parameters.find(({ offset, size }) => i >= offset && i < offset + size)
      return sum + owner!.queryCost!
    }, 0)
  const plan = await planTraining(network, data, settings({ sparsity: 0.95, seed: 4, scheme: 'central' }))
  assert.is(plan.parameters, layout.parameterCount)
  assert.is(plan.coordinates, active.length)
  assert.is(plan.queriesPerStep, 2 * active.length)
  // Fifty images are two batches of twenty and one of ten.
  assert.equal([plan.stepsPerEpoch, plan.steps], [3, 9])
  assert.is(plan.queries, 9 * 2 * active.length)
  const expected = 20 * (layout.passCost + 2 * work(active))
  assert.ok(Math.abs(plan.multiplyAddsPerStep / expected - 1) < 1e-12)

  const random = await planTraining(network, data, settings({ estimator: 'rge', queries: 3 }))
  assert.is(random.queriesPerStep, 3)
  assert.is(random.multiplyAddsPerStep, 20 * layout.passCost * (1 + 2 * 3))
  for (const { measured, steps, stepsPerEpoch } of [plan, random]) {
    assert.ok(measured.sampledQueries > 0 && measured.queriesPerSecond > 0)
    assert.ok(measured.secondsPerEpoch > stepsPerEpoch * measured.secondsPerStep)
    assert.is(measured.seconds, (steps / stepsPerEpoch) * measured.secondsPerEpoch)
    // A session of this network alone is some megabytes, and no process of Node's has less than twenty.
    assert.ok(measured.peakMemory > 20e6 && measured.peakMemory < 4e9, `${measured.peakMemory}`)
  }
  await rejects(planTraining(network, data, settings({}), AbortSignal.abort()), 'ERR_ABORTED', /aborted/)
})

const small = ['--network', 'cnn-1x4', '--data', 'builtin', '--train-images', '60', '--test-images', '20']
const quick = [...small, '--batch-size', '30', '--epochs', '1', '--no-augment']

test('--dry-run tells the configuration and the cost, and leaves nothing', () => {
  const run = join(folder, 'dry')
  const text = deepzero('train', ...quick, '--sparsity', '0.5', '--dry-run', '--run', run)
  assert.is(text.status, 0, text.stderr)
  assert.match(text.stdout, /"sparsity": 0\.5,/)
  assert.match(text.stdout, /a step: +\d+ queries and \S+ multiply-adds on 30 images; 2 steps an epoch/)
  assert.match(text.stdout, /an epoch in .*, the run in .*\nmemory: +\d+ MiB/)
  assert.not.ok(existsSync(run))
  const { status, stdout } = deepzero(
    'train',
    '--preset',
    'paper-cnn-1',
    '--data',
    'builtin',
    '--dry-run',
    '--json',
  )
  assert.is(status, 0)
  const { configuration, plan } = JSON.parse(stdout)
  assert.equal(
    [configuration.preset, configuration.network, configuration.mu],
    ['paper-cnn-1', 'cnn-1x18', 5e-3],
  )
  assert.is(plan.queriesPerStep, 730)
})

test('--prune finds the ratios first, once; a resumed run has them from its configuration', async () => {
  const run = join(folder, 'pruned')
  const pruned = [...quick, '--prune', 'zo-grasp-cge', '--sparsity', '0.6', '--run', run]
  // The images of ZO-GraSP are 25 of each class.
  const images = ['--train-images', '600', '--batch-size', '300']
  const first = deepzero('train', ...pruned, ...images, '--max-steps', '1')
  assert.is(first.status, 0, first.stderr)
  assert.match(first.stdout, /zo-grasp-cge at sparsity 0\.6, seed 1:/)
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
  const own = builtin({ train: 600, test: 20 })
  const { ratios } = await prune(networkByName('cnn-1x4', { seed: 1 }), own.train, {
    method: 'zo-grasp-cge',
    sparsity: 0.6,
    seed: 1,
  })
  assert.equal([config.ratios, config.sparsity, config.prune], [ratios, 0, 'none'])
  const second = deepzero('train', '--run', run, '--resume', '--max-steps', '0')
  assert.is(second.status, 0, second.stderr)
  assert.match(second.stdout, /resumed after step 1/)
  assert.not.match(second.stdout, /zo-grasp/)
})

test('--prune wants a sparsity; a later layer of ratios or a mask puts it aside', async () => {
  await rejects(
    resolveTraining({ network: 'resnet8', prune: 'magnitude' }),
    'ERR_INVALID_ARGUMENT',
    /^--sparsity: /,
  )
  const both = { network: 'resnet8', prune: 'magnitude', sparsity: 0.5, ratios: 'r.json' } as const
  await rejects(
    resolveTraining(both),
    'ERR_INVALID_ARGUMENT',
    /--sparsity.*--ratios|--ratios.*--sparsity|--prune/,
  )
  const { settings: resolved, source } = await resolveTraining({
    preset: 'paper-resnet20-99',
    data: 'builtin',
    ratios: 'r.json',
  })
  assert.equal([source.prune, resolved.sparsity, resolved.ratios], ['none', 0, 'r.json'])
  const { source: paper, settings: recipe } = await resolveTraining({
    preset: 'paper-resnet20-80',
    data: 'builtin',
  })
  assert.equal([paper.prune, recipe.sparsity, recipe.mu, recipe.warmupEpochs], ['zo-grasp', 0.8, 5e-3, 3])
})

test.after(() => rmSync(folder, { recursive: true }))

test.run()
