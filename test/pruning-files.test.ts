// Files of ratios and masks: what is written is read, and what does not fit is refused with its reason.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allCoordinates, uniformSparsity } from '../lib/coordinates.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { resnet8 } from '../lib/networks/resnet.ts'
import { readMask, writeMask } from '../lib/pruning/mask.ts'
import { prune } from '../lib/pruning/prune.ts'
import { readRatios, writeRatios } from '../lib/pruning/ratios.ts'
import { readSafetensors, type Tensor, writeSafetensors } from '../lib/safetensors.ts'
import { rejects } from './fixtures/rejects.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-pruning-'))
const file = join(folder, 'ratios.json')
const maskFile = join(folder, 'mask.safetensors')
const network = resnet8({ seed: 3 })

test('ratios come back as they were written', async () => {
  const { ratios } = await prune(network, null, { method: 'magnitude', sparsity: 0.8, seed: 7 })
  await writeRatios(file, ratios)
  assert.equal(await readRatios(file, network), ratios)
  // One layer a line, so that two files can be compared by eye.
  assert.match(readFileSync(file, 'utf8'), /^ {4}"conv1\.weight": \{"keep":\d+,"of":\d+\},$/m)
})

test('the order of the layers in a file does not matter', async () => {
  const { ratios } = await prune(network, null, { method: 'random' })
  const layers = Object.fromEntries(Object.entries(ratios.layers).reverse())
  writeFileSync(file, JSON.stringify({ ...ratios, layers }))
  assert.is(JSON.stringify(await readRatios(file, network)), JSON.stringify(ratios))
})

test('ratios that do not fit are refused', async () => {
  const { ratios } = await prune(network, null, { method: 'magnitude' })
  const wrong = async (change: object, message: RegExp): Promise<void> => {
    writeFileSync(file, JSON.stringify({ ...ratios, ...change }))
    const { message: text } = await rejects(readRatios(file, network), 'ERR_MODEL', message)
    assert.ok(text.startsWith(`${file}: `), text)
  }
  const layer = (name: string, value: unknown): object => ({ layers: { ...ratios.layers, [name]: value } })
  await wrong(
    { format: 'deepzero-ratios/2' },
    /format: expected 'deepzero-ratios\/1', received 'deepzero-ratios\/2'/,
  )
  await wrong({ network: 'resnet20' }, /network: expected ratios of resnet8, .* received 'resnet20'/)
  await wrong({ sparsity: 1 }, /sparsity: .* below 1, received 1/)
  await wrong({ seed: 0.5 }, /seed: expected an integer/)
  await wrong({ method: '' }, /method/)
  await wrong({ option: {} }, /unknown key 'option'; did you mean 'options'/)
  await wrong({ layers: [] }, /layers: expected an object/)
  await wrong(
    layer('conv2.weight', { keep: 1, of: 2 }),
    /unknown layer 'conv2\.weight'; did you mean 'conv1\.weight'/,
  )
  await wrong(layer('bn1.weight', { keep: 1, of: 16 }), /unknown layer 'bn1\.weight'/)
  await wrong(
    layer('conv1.weight', undefined),
    /conv1\.weight: expected \{ keep, of: 216 \}, received undefined/,
  )
  await wrong(
    layer('conv1.weight', { keep: 217, of: 216 }),
    /conv1\.weight: keep: expected an integer from 1 to 216, received 217/,
  )
  await wrong(layer('conv1.weight', { keep: 0, of: 216 }), /from 1 to 216, received 0/)
  await wrong(layer('conv1.weight', { keep: '5', of: 216 }), /received '5'/)
  await wrong(
    layer('conv1.weight', { keep: 5, of: 432 }),
    /of: expected the 216 weights of the layer, received 432/,
  )
  writeFileSync(file, '{')
  await rejects(readRatios(file, network), 'ERR_MODEL', /expected JSON/)
  await rejects(readRatios(join(folder, 'none.json'), network), 'ERR_FILE', /does not exist/)
  await writeRatios(join(folder, 'none', 'r.json'), ratios)
  await rejects(writeRatios(folder, ratios), 'ERR_INVALID_ARGUMENT', /a folder is there/)
})

test('a coordinate set comes back as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(), async (sparsity, seed) => {
      const set = uniformSparsity(network.layout, sparsity, { seed })
      await writeMask(maskFile, network, set)
      assert.equal(await readMask(maskFile, network), set)
    }),
    { numRuns: 10 },
  )
  // The order and doubles of a set do not matter.
  const set = uniformSparsity(network.layout, 0.5)
  await writeMask(maskFile, network, Uint32Array.from([...set, ...set].reverse()))
  assert.equal(await readMask(maskFile, network), set)
})

test('masks that do not fit are refused', async () => {
  const all = allCoordinates(network.layout)
  const bias = network.layout.parameters.find(({ name }) => name === 'fc.bias')!
  await rejects(
    writeMask(
      maskFile,
      network,
      all.filter((i) => i !== bias.offset + 2),
    ),
    'ERR_INVALID_ARGUMENT',
    /without element 2 of fc\.bias/,
  )
  await rejects(
    writeMask(maskFile, network, Uint32Array.of(all.length)),
    'ERR_INVALID_ARGUMENT',
    /indices below/,
  )
  await writeMask(maskFile, network, all)
  await rejects(
    readMask(maskFile, cnn(1, 2)),
    'ERR_MODEL',
    /expected a mask of cnn-1x2, .* received one of resnet8/,
  )
  const { tensors, metadata } = await readSafetensors(maskFile)
  const wrong = async (name: string, tensor: Tensor | null, message: RegExp): Promise<void> => {
    const changed = new Map(tensors)
    if (tensor) changed.set(name, tensor)
    else changed.delete(name)
    await writeSafetensors(maskFile, changed, metadata)
    await rejects(readMask(maskFile, network), 'ERR_MODEL', message)
  }
  const weight = tensors.get('conv1.weight')!
  await wrong('conv1.weight', null, /expected a tensor conv1\.weight, received none/)
  await wrong(
    'conv1.weight',
    { ...weight, shape: [weight.data.length] },
    /conv1\.weight as U8 \[8, 3, 3, 3\], received U8 \[216\]/,
  )
  await wrong(
    'conv1.weight',
    { ...weight, data: Uint8Array.from(weight.data as Uint8Array, () => 2) },
    /expected 0 or 1 in conv1\.weight, received 2 at element 0/,
  )
  await wrong('fc.bias', { dtype: 'U8', shape: [10], data: new Uint8Array(10) }, /received fc\.bias/)
  await writeSafetensors(maskFile, tensors)
  await rejects(
    readMask(maskFile, network),
    'ERR_MODEL',
    /format deepzero-mask\/1, received one without a format/,
  )
})

test.run()
