// Training by layer ratios, by a mask, and with sparse weights.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layerWiseRandom } from '../lib/coordinates.ts'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readMask, writeMask } from '../lib/pruning/mask.ts'
import { prune } from '../lib/pruning/prune.ts'
import { type Ratios, writeRatios } from '../lib/pruning/ratios.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { zeroOutside } from '../lib/training/coordinate-source.ts'
import type { EndEvent, StepEvent, TrainEvent } from '../lib/training/events.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { rejects } from './fixtures/rejects.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const { layout } = network
const folder = mkdtempSync(join(tmpdir(), 'deepzero-active-'))
let files = 0
const fresh = (name: string): string => join(folder, `${++files}-${name}`)

const tiny = { epochs: 2, batchSize: 25, lr: 0.05, augment: false, threads: 1 } as const

async function all(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...tiny, ...options })) events.push(event)
  return events
}
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent
const ratiosOf = async (sparsity: number): Promise<{ ratios: Ratios; mask: Uint32Array }> =>
  prune(network, null, { method: 'magnitude', sparsity })
const config = (run: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))

test('ratios: as many queries a step as they keep, another draw after each refresh', async () => {
  const { ratios } = await ratiosOf(0.8)
  const draws = [0, 1].map((draw) => layerWiseRandom(layout, ratios, { seed: 1, draw }))
  const events = await all({ ratios, refreshEpochs: 1, momentum: 0, weightDecay: 0 })
  for (const event of events.filter(({ type }) => type === 'step'))
    assert.is((event as StepEvent).queries, draws[0]!.length)
  // Without momentum and weight decay only what was queried moves. (An estimate may be 0, so not all of it does.)
  const queried = new Set(draws.flatMap((set) => [...set]))
  assert.ok(queried.size > draws[0]!.length)
  let moved = 0
  end(events).parameters.forEach((value, i) => {
    if (value === network.parameters[i]) return
    moved += 1
    assert.ok(queried.has(i), `parameter ${i} moved without a query`)
  })
  assert.ok(moved > draws[0]!.length, `${moved} moved`)
})

test('ratios from a file train as the object does, and a run goes on when the file is gone', async () => {
  const { ratios } = await ratiosOf(0.7)
  const file = fresh('ratios.json')
  await writeRatios(file, ratios)
  const run = fresh('run')
  for await (const event of train(network, data, { ...tiny, ratios: file, run }))
    if (event.type === 'step' && event.step === 2) break
  rmSync(file)
  const kept = config(run).ratios as Ratios
  assert.equal(kept, ratios)
  const resumed = await all({ ratios: kept, run, resume: true })
  assert.equal(end(resumed).parameters, end(await all({ ratios })).parameters)
})

test('a run is not resumed with other ratios, whatever the name of the file', async () => {
  const file = fresh('ratios.json')
  await writeRatios(file, (await ratiosOf(0.7)).ratios)
  const run = fresh('run')
  await all({ ratios: file, run, epochs: 1 })
  await writeRatios(file, (await ratiosOf(0.6)).ratios)
  await rejects(
    all({ ratios: file, run, epochs: 1, resume: true }),
    'ERR_RUN',
    /but ratios has other contents;/,
  )
  await rejects(all({ run, epochs: 1, resume: true }), 'ERR_RUN', /but ratios was an object, now null;/)
})

test('sparse weights: zeros stay zeros, bit for bit, through momentum, weight decay and a resume', async () => {
  const { ratios } = await ratiosOf(0.8)
  const options = {
    ratios,
    sparseWeights: true,
    momentum: 0.9,
    weightDecay: 0.1,
    epochs: 3,
  }
  const set = new Set(layerWiseRandom(layout, ratios, { seed: 1, draw: 0 }))
  for (const nesterov of [false, true]) {
    const run = fresh('run')
    for (const stop of [1, 5]) {
      for await (const event of train(network, data, { ...tiny, ...options, nesterov, run, resume: true }))
        if (event.type === 'step' && event.step === stop) break
      const latest = join(run, readFileSync(join(run, 'latest'), 'utf8').trim())
      const model = await readSafetensors(join(latest, 'model.safetensors'))
      const state = await readSafetensors(join(latest, 'state.safetensors'))
      for (const { name, offset } of layout.parameters)
        for (const { data: values } of [model.tensors.get(name)!, state.tensors.get(`momentum/${name}`)!])
          values.forEach((value: number | bigint, i: number) => {
            if (!set.has(offset + i)) assert.ok(Object.is(value, 0), `${name} at ${i}: ${value}`)
          })
    }
    const resumed = end(await all({ ...options, nesterov, run, resume: true }))
    resumed.parameters.forEach((value, i) => {
      if (!set.has(i)) assert.ok(Object.is(value, 0), `parameter ${i}: ${value}`)
    })
    const nonzero = resumed.parameters.filter((value) => value !== 0).length
    // All of the set, but for a bias that batch norm makes void.
    assert.ok(nonzero >= set.size - 3 && nonzero <= set.size, `${nonzero} of ${set.size}`)
    assert.equal(end(await all({ ...options, nesterov })).parameters, resumed.parameters)
  }
})

test('dense weights: those outside the set keep their values and their weight decay', async () => {
  const options = { sparsity: 0.9, epochs: 1 }
  const dense = end(await all(options)).parameters
  assert.is(dense.filter((value, i) => value === 0 && network.parameters[i] !== 0).length, 0)
  const sparse = end(await all({ ...options, sparseWeights: true })).parameters
  assert.ok(sparse.filter((value) => value === 0).length > 90)
})

test('a mask: one set for the whole run, and a run knows its content', async () => {
  const { mask } = await ratiosOf(0.8)
  const file = fresh('mask.safetensors')
  await writeMask(file, network, mask)
  const run = fresh('run')
  const options = { mask: file, momentum: 0, weightDecay: 0 }
  const events = await all({ ...options, run })
  const steps = events.filter(({ type }) => type === 'step') as StepEvent[]
  assert.ok(steps.every(({ queries }) => queries === mask.length))
  const members = new Set(await readMask(file, network))
  end(events).parameters.forEach((value, i) => {
    if (!members.has(i)) assert.is(value, network.parameters[i])
  })
  const sparse = end(await all({ ...options, sparseWeights: true })).parameters
  sparse.forEach((value, i) => {
    if (!members.has(i)) assert.ok(Object.is(value, 0))
  })
  await writeMask(file, network, (await ratiosOf(0.7)).mask)
  await rejects(all({ ...options, run, resume: true }), 'ERR_RUN', /the mask is not the same/)
})

test('what does not go together, or not with the network, is refused', async () => {
  const { ratios } = await ratiosOf(0.8)
  const refused = (options: TrainOptions, message: RegExp): void =>
    assert.throws(() => train(network, data, options), message)
  refused({ ratios, sparsity: 0.5 }, /options\.ratios: expected no ratios beside options\.sparsity/)
  refused({ ratios, mask: 'mask.safetensors' }, /options\.mask: expected no mask beside options\.ratios/)
  refused(
    { sparseWeights: true },
    /options\.sparseWeights: .* unless options\.sparsity, options\.ratios or options\.mask is given/,
  )
  refused({ ratios: 3 as never }, /options\.ratios: expected/)
  refused(
    { ratios: { ...ratios, network: 'resnet8' } },
    /^options\.ratios: network: expected ratios of cnn-1x3/,
  )
  const file = fresh('ratios.json')
  writeFileSync(file, JSON.stringify({ ...ratios, layers: {} }))
  await rejects(all({ ratios: file }), 'ERR_MODEL', /conv_layers\.0\.weight: expected/)
  await rejects(all({ ratios: fresh('none') }), 'ERR_FILE', /does not exist/)
})

test('zeroOutside keeps exactly the set', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(30)), (places) => {
      const set = Uint32Array.from(places).sort()
      const values = new Float32Array(31).fill(2)
      zeroOutside(values, set)
      values.forEach((value, i) => assert.is(value, set.includes(i) ? 2 : 0))
    }),
  )
})

test.run()
