// Gradient estimates: what is asked of the session, what comes back, and what `estimateGradient` makes of it.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allCoordinates, uniformSparsity } from '../lib/coordinates.ts'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { createSession, type Session } from '../lib/session.ts'
import { ActiveSets } from '../lib/training/active-set.ts'
import { type EstimatorSettings, estimate, queriesOf } from '../lib/training/estimate.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { resolveOptions, trainingOptions } from '../lib/training/options.ts'
import { rejects } from './fixtures/rejects.ts'

const network = networkByName('cnn-1x3', { seed: 5 })
const { layout } = network
const data = builtin({ train: 20, test: 1 })
const batch = batches(data.train, { batchSize: 20, seed: 1, shuffle: true }).next().value!
const settingsOf = (given: Partial<EstimatorSettings>): EstimatorSettings => ({
  ...resolveOptions(trainingOptions, {}),
  ...given,
})

test('cge: differences at the active set, 0 elsewhere', async () => {
  const active = uniformSparsity(layout, 0.8, { seed: 3 })
  const session = createSession(network)
  const { values, loss } = await session.differences(batch, active, { mu: 1e-3, scheme: 'central' })
  const settings = settingsOf({ scheme: 'central' })
  const result = await estimate(session, settings, { batch, active, mu: 1e-3, step: 0, updateRunning: false })
  session.dispose()
  assert.is(result.loss, loss)
  assert.is(result.queries, 2 * active.length)
  assert.is(queriesOf(settings, active), result.queries)
  const expected = new Float32Array(layout.parameterCount)
  active.forEach((coordinate, i) => {
    expected[coordinate] = values[i]!
  })
  assert.equal(result.gradient, expected)
})

test('rge: asks for the directions of the step, within the active set', async () => {
  const asked: Record<string, unknown>[] = []
  const gradient = new Float32Array(layout.parameterCount)
  const session = {
    network,
    randomDifferences: async (_: unknown, options: Record<string, unknown>) => {
      asked.push(options)
      return { gradient, values: new Float32Array(7), loss: 2, accuracy: 0.5, correct: 10 }
    },
  } as unknown as Session
  const settings = settingsOf({
    estimator: 'rge',
    queries: 7,
    directions: 'tensor',
    scheme: 'central',
    seed: 9,
  })
  const request = { batch, mu: 1e-3, step: 5, updateRunning: true }
  const active = uniformSparsity(layout, 0.8, { seed: 3 })
  const result = await estimate(session, settings, { ...request, active })
  await estimate(session, settings, { ...request, active: allCoordinates(layout) })
  assert.equal(result, { gradient, loss: 2, accuracy: 0.5, correct: 10, queries: 14 })
  assert.is(queriesOf(settings, active), 14)
  const { count, first, seed, directions, mu, scheme, statistics, updateRunning, coordinates } = asked[0]!
  assert.equal([count, first, seed, directions, mu, scheme], [7, 35, 9, 'tensor', 1e-3, 'central'])
  assert.equal([statistics, updateRunning], ['batch', true])
  assert.is(coordinates, active)
  assert.not.ok('coordinates' in asked[1]!)
})

test('active sets follow from the step alone', () => {
  const settings = { refreshEpochs: 2, refreshSteps: 0 }
  const source = {
    fixed: false,
    coordinates: (draw: number) => uniformSparsity(layout, 0.8, { seed: 3, draw }),
  }
  const byEpochs = new ActiveSets(source, settings, 10)
  assert.equal(
    [0, 19, 20, 45].map((step) => byEpochs.drawOf(step)),
    [0, 0, 1, 2],
  )
  const bySteps = new ActiveSets(source, { ...settings, refreshSteps: 3 }, 10)
  assert.equal(
    [0, 2, 3, 10].map((step) => bySteps.drawOf(step)),
    [0, 0, 1, 3],
  )
  for (const step of [10, 2, 10])
    assert.equal(bySteps.at(step), uniformSparsity(layout, 0.8, { seed: 3, draw: bySteps.drawOf(step) }))
  assert.is(bySteps.at(9), bySteps.at(10))
  assert.is(new ActiveSets({ ...source, fixed: true }, settings, 10).drawOf(100), 0)
})

test('estimateGradient: the estimate of a batch, with how it was made', async () => {
  let last: [number, number] = [0, 0]
  const result = await estimateGradient(network, batch, {
    sparsity: 0.8,
    seed: 3,
    mu: 1e-3,
    onProgress: (done, total) => {
      last = [done, total]
    },
  })
  const active = uniformSparsity(layout, 0.8, { seed: 3 })
  assert.equal(result.coordinates, active)
  assert.is(result.images, 20)
  const [done, total] = last
  assert.ok(done > 0 && done <= total && total === active.length, `progress ended with ${last}`)
  assert.equal([result.settings.mu, result.settings.scheme], [1e-3, 'forward'])
  const session = createSession(network)
  const { values } = await session.differences(batch, active, { mu: 1e-3 })
  session.dispose()
  assert.equal(
    Float32Array.from(active, (coordinate) => result.gradient[coordinate]!),
    values,
  )
})

test('estimateGradient refuses what it would not read, and stops when asked', async () => {
  const wrong = (options: object): Promise<unknown> => estimateGradient(network, batch, options)
  await rejects(wrong({ batchSize: 3 }), 'ERR_UNKNOWN_OPTION', /unknown option 'batchSize'/)
  await rejects(wrong({ mu: 'lr' }), 'ERR_INVALID_ARGUMENT', /options\.mu: expected a finite number .* 'lr'/)
  await rejects(wrong({ queries: 3 }), 'ERR_INVALID_ARGUMENT', /options\.queries: .* 'rge'/)
  await rejects(wrong({ sparsity: 0.5, mask: 'm' }), 'ERR_INVALID_ARGUMENT', /choose one/)
  await rejects(wrong({ onProgress: 3 }), 'ERR_INVALID_ARGUMENT', /options\.onProgress: expected a function/)
  await rejects(wrong({ signal: AbortSignal.abort() }), 'ERR_ABORTED', /aborted/)
})

test.run()
