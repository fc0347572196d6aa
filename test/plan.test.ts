// Before a run: what a plan counts and measures, train --dry-run, and train --prune.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withFirstRatios } from '../lib/cli/first-ratios.ts'
import { resolveTraining } from '../lib/cli/train.ts'
import {
  blackBoxHead,
  builtin,
  cnn,
  type Network,
  networkBuilder,
  networkByName,
  planTraining,
  prune,
  type Ratios,
  resnet8,
  type TrainOptions,
  train,
  uniformSparsity,
} from '../lib/index.ts'
import { rejects } from './fixtures/rejects.ts'

const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'deepzero-'))
const deepzero = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', main, ...args], { encoding: 'utf8' })

const data = builtin({ train: 50, test: 20 })
const network = resnet8({ classes: data.classes.length, seed: 1 })
const quick: TrainOptions = { batchSize: 20, epochs: 3, threads: 1 }

test('a plan counts queries, steps and work', async () => {
  const { layout } = network
  const active = uniformSparsity(layout, 0.95, { seed: 4 })
  const work = (coordinates: Uint32Array): number =>
    coordinates.reduce((sum, i) => {
      const owner = layout.parameters.find(({ offset, size }) => i >= offset && i < offset + size)
      return sum + owner!.queryCost!
    }, 0)
  const plan = await planTraining(network, data, { ...quick, sparsity: 0.95, seed: 4, scheme: 'central' })
  assert.is(plan.parameters, layout.parameterCount)
  assert.is(plan.coordinates, active.length)
  assert.is(plan.queriesPerStep, 2 * active.length)
  // Fifty images are two batches of twenty and one of ten.
  assert.equal([plan.stepsPerEpoch, plan.steps], [3, 9])
  assert.is(plan.queries, 9 * 2 * active.length)
  const expected = 20 * (layout.passCost + 2 * work(active))
  assert.ok(Math.abs(plan.multiplyAddsPerStep / expected - 1) < 1e-12)

  const random = await planTraining(network, data, { ...quick, estimator: 'rge', queries: 3 })
  assert.is(random.queriesPerStep, 3)
  assert.is(random.multiplyAddsPerStep, 20 * layout.passCost * (1 + 2 * 3))
  for (const { measured, steps, stepsPerEpoch } of [plan, random]) {
    assert.ok(measured.sampledQueries > 0 && measured.queriesPerSecond > 0)
    assert.ok(measured.secondsPerEpoch > stepsPerEpoch * measured.secondsPerStep)
    const whole = (steps / stepsPerEpoch) * measured.secondsPerEpoch
    assert.ok(Math.abs(measured.seconds / whole - 1) < 1e-12)
    // A session of this network alone is some megabytes, and no process of Node's has less than twenty.
    assert.ok(measured.peakMemory > 20e6 && measured.peakMemory < 4e9, `${measured.peakMemory}`)
  }
  await rejects(
    planTraining(network, data, { ...quick, signal: AbortSignal.abort() }),
    'ERR_ABORTED',
    /aborted/,
  )
})

test('a plan ends where the limits end the run', async () => {
  const plan = (limits: TrainOptions) => planTraining(network, data, { ...quick, sparsity: 0.98, ...limits })
  const { steps, measured } = await plan({ maxSteps: 4 })
  assert.is(steps, 4)
  // Evaluated after the first epoch of three steps, and at the end.
  assert.ok(measured.seconds > 4 * measured.secondsPerStep)
  assert.ok(measured.seconds < (4 / 3) * measured.secondsPerEpoch + measured.secondsPerEpoch)
  const { queriesPerStep, queries } = await plan({ maxSteps: 50 })
  assert.is(queries, 9 * queriesPerStep)
  assert.is((await plan({ maxQueries: queriesPerStep + 1 })).steps, 2)
  assert.is((await plan({ maxSeconds: 1e-9 })).steps, 1)
})

test('a plan takes what train takes, and refuses what train refuses', async () => {
  const options = { epochs: 2, batchSize: 20, augment: false }
  const plan = await planTraining(cnn(1, 4), builtin({ train: 100, test: 10 }), options)
  assert.equal([plan.stepsPerEpoch, plan.steps], [5, 10])
  // 50 images with the defaults are one batch.
  assert.is((await planTraining(cnn(1, 4), data)).steps, 10)
  let calls = 0
  const head = blackBoxHead((outputs: Float32Array) => {
    calls += 1
    return outputs.reduce((sum, z) => sum + z * z, 0)
  })
  assert.is((await planTraining(cnn(1, 4), data, { ...options, head })).stepsPerEpoch, 3)
  assert.ok(calls > 2)
  const refused = (given: object, code: string, message: RegExp) =>
    rejects(planTraining(cnn(1, 4), data, given), code, message)
  await refused({ batchsize: 3 }, 'ERR_UNKNOWN_OPTION', /did you mean 'batchSize'/)
  await refused({ ...options, head, estimator: 'rge' }, 'ERR_INVALID_ARGUMENT', /options\.estimator/)
  await rejects(planTraining(cnn(1, 4, { classes: 3 }), data), 'ERR_SHAPE', /expected 10 outputs/)
})

test('a last batch of one image that batch norm cannot take is refused before the first step', async () => {
  const net = networkBuilder('normed', data.shape)
  const hidden = net.linear('hidden', net.maxPool2d('pool', net.input, { kernel: 8 }), { out: 4 })
  net.linear('fc', net.relu('relu', net.batchNorm2d('bn', hidden)), { out: data.classes.length })
  const normed = net.build({ seed: 1 })
  const options: TrainOptions = { ...quick, epochs: 1, augment: false, sparsity: 0.9 }
  const images = (count: number) => builtin({ train: count, test: 10 })
  const message = /^batchNorm2d bn: .*: 41 training images are 2 batches of 20, and one over; .* batch size/
  assert.throws(() => train(normed, images(41), options), message)
  await rejects(planTraining(normed, images(41), options), 'ERR_INVALID_ARGUMENT', message)
  // What does not fail is not refused.
  const steps = async (network: Network, count: number, given: TrainOptions): Promise<number> => {
    let last = 0
    for await (const event of train(network, images(count), { ...options, ...given }))
      if (event.type === 'step') last = event.step
    return last
  }
  assert.is(await steps(normed, 42, {}), 3)
  assert.is(await steps(normed, 41, { batchSize: 21 }), 2)
  assert.is(await steps(normed, 41, { statistics: 'running' }), 3)
  assert.is(await steps(normed, 41, { maxSteps: 2 }), 2)
  assert.throws(() => train(normed, images(41), { ...options, maxSteps: 3 }), message)
  assert.is(await steps(resnet8({ seed: 1 }), 41, { sparsity: 0.999 }), 3)
})

const small = ['--network', 'cnn-1x4', '--data', 'builtin', '--train-images', '60', '--test-images', '20']
const briefly = [...small, '--batch-size', '30', '--epochs', '1', '--no-augment']

test('--dry-run tells the configuration and the cost, and leaves nothing', () => {
  const run = join(folder, 'dry')
  const text = deepzero('train', ...briefly, '--sparsity', '0.5', '--dry-run', '--run', run)
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
  const pruned = [...briefly, '--prune', 'zo-grasp-cge', '--sparsity', '0.6', '--run', run]
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
    augment: false,
  })
  assert.equal([config.ratios, config.sparsity, config.prune], [ratios, 0, 'none'])
  const second = deepzero('train', '--run', run, '--resume', '--max-steps', '0')
  assert.is(second.status, 0, second.stderr)
  assert.match(second.stdout, /resumed after step 1/)
  assert.not.match(second.stdout, /zo-grasp/)
})

test('--prune looks at images as training does: cropped and mirrored, or with --no-augment as they are', async () => {
  const own = builtin({ train: 40, test: 1 })
  const first = networkByName('cnn-1x4', { seed: 1 })
  const { signal } = new AbortController()
  const ratiosBy = async (augment: boolean, method: 'snip' | 'random') => {
    const flags = { network: 'cnn-1x4', prune: method, sparsity: 0.6, threads: 1, augment }
    const { settings: chosen, source } = await resolveTraining(flags)
    return (await withFirstRatios(first, own, source, chosen, { say: null, signal })).ratios as Ratios
  }
  const options = { method: 'snip', sparsity: 0.6, threads: 1, seed: 1 } as const
  for (const augment of [true, false]) {
    const { ratios } = await prune(first, own.train, { ...options, augment })
    assert.equal(await ratiosBy(augment, 'snip'), ratios)
    assert.is(ratios.options!.augment, augment)
  }
  // What looks at no images has no such option.
  assert.equal(await ratiosBy(false, 'random'), await ratiosBy(true, 'random'))
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
