// Model files: saved and loaded bit for bit, PyTorch's files accepted, every wrong file refused by name.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import { loadModel, loadWeights, saveModel } from '../lib/model.ts'
import { cnn } from '../lib/networks/cnn.ts'
import type { Network } from '../lib/networks/network.ts'
import { resnet8, resnet20 } from '../lib/networks/resnet.ts'
import { encodeSafetensors, readSafetensors, type Tensor, writeSafetensors } from '../lib/safetensors.ts'
import { testUnless } from './fixtures/skip.ts'

const reference = fileURLToPath(new URL('../../shared/reference/', import.meta.url))
const models = suite<{ dir: string; path: string }>('models')
const withReference = testUnless(existsSync(reference) ? null : `${reference} not found`, undefined, models)

models.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-model-'))
  context.path = join(context.dir, 'model.safetensors')
})
models.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

async function refused(work: Promise<unknown>, code: string, ...words: string[]): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, DeepZeroError)
  assert.is((error as DeepZeroError).code, code)
  const { message } = error as DeepZeroError
  for (const word of words) assert.ok(message.includes(word), `'${message}' should say '${word}'`)
}

/** A network with its tensors as a file of PyTorch would hold them. */
function tensorsOf({ layout, parameters, buffers }: Network): Map<string, Tensor> {
  const map = new Map<string, Tensor>()
  for (const { name, shape, offset, size } of layout.parameters)
    map.set(name, { dtype: 'F32', shape, data: parameters.slice(offset, offset + size) })
  for (const { name, shape, offset, size } of layout.buffers)
    map.set(name, { dtype: 'F32', shape, data: buffers.slice(offset, offset + size) })
  return map
}

models('saved and loaded: network, weights and statistics, bit for bit', async ({ path }) => {
  const network = resnet8({ seed: 2, classes: 7 })
  const parameters = network.parameters.map((value, i) => value + i / 1000)
  const buffers = network.buffers.map((value, i) => value + i / 100)
  await saveModel(path, network, parameters, buffers, { epoch: '3' })
  const loaded = await loadModel(path)
  assert.equal(loaded.spec, network.spec)
  assert.equal(loaded.layout, network.layout)
  assert.equal(loaded.parameters, parameters)
  assert.equal(loaded.buffers, buffers)
  assert.is((await readSafetensors(path)).metadata.epoch, '3')
  await saveModel(path, network)
  assert.equal((await loadModel(path)).parameters, network.parameters)
})

models('vectors of another length are not saved', async ({ path }) => {
  const network = resnet8()
  await refused(saveModel(path, network, new Float32Array(5)), 'ERR_MODEL', '19218', 'received 5')
  assert.not(existsSync(path))
})

withReference('weights of PyTorch, as they are', async () => {
  const path = join(reference, 'resnet20-trained.safetensors')
  const { tensors } = await readSafetensors(path)
  const loaded = await loadWeights(path, resnet20())
  for (const [vector, infos] of [
    [loaded.parameters, loaded.layout.parameters],
    [loaded.buffers, loaded.layout.buffers],
  ] as const)
    for (const { name, offset, size } of infos)
      assert.equal(vector.slice(offset, offset + size), tensors.get(name)?.data, name)
})

withReference('weights of another network are refused with the first names', async () => {
  const path = join(reference, 'resnet20-init.safetensors')
  await refused(
    loadWeights(path, cnn(2, 8)),
    'ERR_MODEL',
    path,
    'not the weights of cnn-2x8',
    'missing: conv_layers.0.weight, conv_layers.0.bias, conv_layers.1.weight and ',
    'unexpected: conv1.weight, bn1.weight, bn1.bias and ',
  )
  await refused(loadModel(path), 'ERR_MODEL', path, "'network'", '--network')
})

models('num_batches_tracked is ignored, F64 is taken', async ({ path }) => {
  const network = cnn(2, 8, { seed: 3 })
  const tensors = tensorsOf(network)
  tensors.set('conv_layers.1.num_batches_tracked', { dtype: 'I64', shape: [], data: BigInt64Array.of(7n) })
  const fc = tensors.get('fc.weight') as Tensor
  tensors.set('fc.weight', { ...fc, dtype: 'F64', data: Float64Array.from(fc.data as Float32Array) })
  await writeSafetensors(path, tensors)
  assert.equal((await loadWeights(path, cnn(2, 8))).parameters, network.parameters)
})

models(
  'without any running statistics they start at 0 and 1; with some of them missing: refused',
  async ({ path }) => {
    const network = cnn(2, 8, { seed: 3 })
    const tensors = tensorsOf({ ...network, buffers: network.buffers.map(() => 5) })
    tensors.delete('conv_layers.1.running_mean')
    await writeSafetensors(path, tensors)
    await refused(loadWeights(path, network), 'ERR_MODEL', 'missing: conv_layers.1.running_mean')
    for (const { name } of network.layout.buffers) tensors.delete(name)
    await writeSafetensors(path, tensors)
    assert.equal((await loadWeights(path, network)).buffers, network.buffers)
  },
)

models('a wrong shape, a wrong dtype and another class count are named', async ({ path }) => {
  const network = cnn(2, 8)
  await saveModel(path, cnn(2, 8, { classes: 7 }))
  await refused(
    loadWeights(path, network),
    'ERR_MODEL',
    'fc.weight (expected [10, 8], received [7, 8])',
    'fc.bias (expected [10], received [7])',
  )
  const tensors = tensorsOf(network)
  tensors.set('fc.bias', { dtype: 'F16', shape: [10], data: new Uint16Array(10) })
  await writeSafetensors(path, tensors)
  await refused(loadWeights(path, network), 'ERR_MODEL', 'fc.bias (expected F32 or F64, received F16)')
})

models('NaN and infinity are refused, with their place', async ({ path }) => {
  const network = cnn(2, 8)
  for (const [bad, shown] of [
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ] as const) {
    const parameters = network.parameters.slice()
    parameters[network.parameters.length - 10 - 80 + 3] = bad
    await saveModel(path, network, parameters)
    const words = [path, shown, 'fc.weight at element 3']
    await refused(loadModel(path), 'ERR_NOT_FINITE', ...words)
    await refused(loadWeights(path, network), 'ERR_NOT_FINITE', ...words)
  }
  const buffers = network.buffers.slice()
  buffers[0] = Number.NaN
  await saveModel(path, network, network.parameters, buffers)
  await refused(loadModel(path), 'ERR_NOT_FINITE', 'conv_layers.1.running_mean at element 0')
  const tensors = tensorsOf(network)
  tensors.set('fc.bias', { dtype: 'F64', shape: [10], data: new Float64Array(10).fill(1e300) })
  await writeSafetensors(path, tensors)
  await refused(loadWeights(path, network), 'ERR_NOT_FINITE', '1e+300', 'fc.bias')
})

models('a running variance below 0 is refused, with its place', async ({ path }) => {
  const network = cnn(2, 8)
  const { offset } = network.layout.buffers.find(({ role }) => role === 'running_var')!
  const buffers = network.buffers.slice()
  buffers[offset + 2] = -0.5
  await saveModel(path, network, network.parameters, buffers)
  await refused(loadModel(path), 'ERR_MODEL', path, '-0.5', 'conv_layers.1.running_var at element 2')
})

models('a description that is no network is refused', async ({ path }) => {
  const network = cnn(2, 8)
  const write = (text: string): void =>
    writeFileSync(path, encodeSafetensors(tensorsOf(network), { network: text }))
  write('{')
  await refused(loadModel(path), 'ERR_MODEL', path, 'not JSON')
  for (const text of [
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...network.spec, format: 'deepzero-network/2' }),
  ]) {
    write(text)
    await refused(loadModel(path), 'ERR_MODEL', path, 'deepzero-network/1')
  }
  const ops = network.spec.ops
  for (const bad of [
    { ...network.spec, ops: [{ ...ops[0], op: 'conv9d' }, ...ops.slice(1)] },
    { ...network.spec, ops: [] },
    { ...network.spec, ops: [null] },
    { ...network.spec, ops: [{}] },
    { ...network.spec, input: [3, 32] },
    { ...network.spec, input: 'image' },
    { ...network.spec, input: [3, 1, 1] },
    { ...network.spec, name: undefined },
    { ...network.spec, ops: [{ ...ops[0], kernel: 'three' }] },
    { ...network.spec, ops: [{ ...ops[0], kernel: { a: 1 } }] },
  ]) {
    write(JSON.stringify(bad))
    await refused(loadModel(path), 'ERR_MODEL', path)
  }
})

models('files that are missing or cut', async ({ dir, path }) => {
  await refused(loadModel(join(dir, 'none')), 'ERR_FILE', 'none', 'does not exist')
  const bytes = encodeSafetensors(tensorsOf(cnn(1, 2)), { network: '{}' })
  writeFileSync(path, bytes.subarray(0, bytes.length - 1))
  await refused(loadModel(path), 'ERR_FILE', path, 'truncated')
})

models.run()
