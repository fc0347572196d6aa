// ONNX models: run by ONNX Runtime, judged by ONNX's own checker where Python has it, decoded by the published schema.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { foldBatchNorm } from '../lib/networks/fold-batch-norm.ts'
import { networkByName } from '../lib/networks/index.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { exportOnnx, ONNX_OPSET, type OnnxOptions } from '../lib/onnx/export.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { everyOp } from './fixtures/every-op.ts'
import { decodeOnnx, runOnnx, shapeOf } from './fixtures/onnx.ts'
import { outputs } from './fixtures/outputs.ts'
import { pythonWith, runPython } from './fixtures/python.ts'
import { buildRandomNetwork, randomNetwork, scatter } from './fixtures/random-networks.ts'
import { skip } from './fixtures/skip.ts'

/** Both sum in float32, in other orders; folding rounds the weights once more. */
const TOLERANCE = 1e-5

const images = ({ spec }: Network, count: number, seed: number): Float32Array =>
  randomNormal(
    { seed, purpose: Purpose.syntheticData, stream: 9 },
    count * spec.input.reduce((a, b) => a * b, 1),
  )

/** Compares the model with the network for a batch; gives its bytes. */
async function compare(network: Network, options: OnnxOptions, count: number, seed = 1): Promise<Uint8Array> {
  const bytes = exportOnnx(network, options)
  const input = images(network, count, seed)
  const { data } = await runOnnx(bytes, input, [count, ...network.spec.input])
  const expected = await outputs(network, input)
  assert.is(data.length, expected.length)
  assert.ok(expected.some((value) => value !== 0))
  const error = relativeError(data, expected)
  assert.ok(error <= TOLERANCE, `${network.spec.name}: relative error ${error} beyond ${TOLERANCE}`)
  return bytes
}

const named = ['cnn-3x6', 'resnet20', 'dncnn-5x8', 'regression-6x4', 'resnet8']
const small = (name: string): Network =>
  scatter(networkByName(name, { seed: 2, ...(name.startsWith('dncnn') && { input: [1, 20, 24] }) }), 2)

const models = new Map<string, Uint8Array>()

for (const fold of [false, true]) {
  const how = fold ? ', batch norm folded' : ''
  for (const name of named)
    test(`${name}: the same outputs in ONNX Runtime${how}`, async () => {
      models.set(`${name}${how}`, await compare(small(name), { foldBatchNorm: fold }, 2))
    })
  test(`resnet18: the same outputs in ONNX Runtime${how}`, async () => {
    models.set(
      `resnet18${how}`,
      await compare(scatter(networkByName('resnet18', { seed: 2 }), 2), { foldBatchNorm: fold }, 1),
    )
  })
  test(`a network with every op: the same outputs in ONNX Runtime${how}`, async () => {
    models.set(`everything${how}`, await compare(everyOp(), { foldBatchNorm: fold }, 3))
  })
}

test('random networks: the same outputs, folded or not', async () => {
  const kinds = new Set<string>()
  await fc.assert(
    fc.asyncProperty(randomNetwork, async (drawn) => {
      const network = buildRandomNetwork(drawn)
      // Of few outputs a ReLU at the end may leave none: nothing to compare.
      fc.pre((await outputs(network, images(network, drawn.images, drawn.seed))).some((value) => value !== 0))
      for (const { op } of network.spec.ops) kinds.add(op)
      for (const fold of [false, true])
        await compare(network, { foldBatchNorm: fold }, drawn.images, drawn.seed)
    }),
    { numRuns: 40 },
  )
  console.log(`onnx.test.ts: random networks with ${[...kinds].sort().join(', ')}`)
  assert.ok(kinds.size >= 10)
})

test('the network with every op has every op of the builder', () => {
  const { input: _, spec: __, build: ___, ...ops } = networkBuilder('ops', [1, 1, 1])
  const kinds = new Set(everyOp().spec.ops.map(({ op }) => op))
  assert.equal([...kinds].sort(), Object.keys(ops).sort())
})

test('any number of images goes into one model', async () => {
  const network = small('resnet8')
  const bytes = exportOnnx(network)
  for (const count of [1, 2, 7]) {
    const input = images(network, count, count)
    const { data, shape } = await runOnnx(bytes, input, [count, ...network.spec.input])
    assert.equal(shape, [count, 10])
    const error = relativeError(data, await outputs(network, input))
    assert.ok(error <= TOLERANCE, String(error))
  }
})

test('header: opset, producer, names and shapes; tensors have the names of PyTorch', () => {
  const network = small('cnn-3x6')
  const model = decodeOnnx(exportOnnx(network, { metadata: { classes: '["a"]' } }))
  assert.equal(model.opsetImport, [{ domain: '', version: ONNX_OPSET }])
  assert.is(model.producerName, 'deepzero-native')
  assert.equal(model.metadataProps, [{ key: 'classes', value: '["a"]' }])
  assert.equal(
    model.graph.input.map(({ name }) => name),
    ['input'],
  )
  assert.equal(
    model.graph.output.map(({ name }) => name),
    ['output'],
  )
  assert.is(shapeOf(model.graph.input[0]!), 'batch×3×32×32')
  assert.is(shapeOf(model.graph.output[0]!), 'batch×10')
  assert.is(model.graph.name, 'cnn-3x6')
  const { layout } = network
  assert.equal(
    model.graph.initializer.map(({ name, dims }) => [name, dims]),
    [...layout.parameters, ...layout.buffers].map(({ name, shape }) => [name, shape]),
  )
  const image = decodeOnnx(exportOnnx(small('dncnn-5x8')))
  assert.is(shapeOf(image.graph.output[0]!), 'batch×1×20×24')
})

test('names that the graph uses itself are no trouble', async () => {
  const net = networkBuilder('names', [2, 6, 6])
  const a = net.conv2d('output', net.input, { out: 3, kernel: 3 })
  const b = net.relu('output.weight', net.batchNorm2d('fc/flat', a))
  net.linear('fc', net.linear('output_2', b, { out: 4 }), { out: 2 })
  const network = net.build({ seed: 1 })
  for (const fold of [false, true]) {
    const { graph } = decodeOnnx(await compare(network, { foldBatchNorm: fold }, 2))
    const names = [
      ...graph.node.flatMap(({ output }) => output),
      ...graph.initializer.map(({ name }) => name),
      'input',
    ]
    assert.is(new Set(names).size, names.length)
  }
})

test('folding: no batch norm is left behind a layer, one that others need stays', async () => {
  const folded = foldBatchNorm(small('resnet20'))
  assert.not.ok(folded.spec.ops.some(({ op }) => op === 'batchNorm2d'))
  assert.is(folded.buffers.length, 0)
  const ops = decodeOnnx(exportOnnx(small('resnet20'), { foldBatchNorm: true })).graph.node.map(
    ({ opType }) => opType,
  )
  assert.not.ok(ops.includes('BatchNormalization'))
  assert.ok(
    decodeOnnx(exportOnnx(small('resnet20'))).graph.node.some(
      ({ opType }) => opType === 'BatchNormalization',
    ),
  )

  const net = networkBuilder('kept', [2, 6, 6])
  const first = net.conv2d('conv1', net.input, { out: 3, kernel: 3 })
  // The first is read twice, the second stands behind a sum, the third at the end behind a layer that is used late.
  const sum = net.batchNorm2d('bn2', net.add('sum', net.batchNorm2d('bn1', first), first))
  const late = net.linear('fc', sum, { out: 4 })
  net.relu('unread', sum)
  net.batchNorm2d('bn3', late)
  const network = scatter(net.build({ seed: 1 }), 1)
  const kept = foldBatchNorm(network)
  assert.equal(
    kept.spec.ops.map(({ name }) => name),
    ['conv1', 'bn1', 'sum', 'bn2', 'unread', 'fc'],
  )
  const input = images(network, 2, 1)
  const error = relativeError(await outputs(kept, input), await outputs(network, input))
  assert.ok(error <= TOLERANCE, String(error))
  await compare(network, { foldBatchNorm: true }, 2)
})

test('with a normalisation the model takes pixels in [0, 1]', async () => {
  const network = small('cnn-3x6')
  const [mean, std] = [
    [0.5, 0.4, 0.3],
    [0.2, 0.25, 0.3],
  ]
  const pixels = images(network, 2, 4).map((x) => 1 / (1 + Math.exp(-x)))
  const input = pixels.map((x, i) => {
    const channel = Math.floor(i / 1024) % 3
    return (x - mean[channel]!) / std[channel]!
  })
  const bytes = exportOnnx(network, { normalisation: { mean, std } })
  models.set('normalised', bytes)
  const { data } = await runOnnx(bytes, pixels, [2, 3, 32, 32])
  const error = relativeError(data, await outputs(network, input))
  assert.ok(error <= TOLERANCE, String(error))
})

test('what cannot be exported is refused', () => {
  const network = small('cnn-3x6')
  const refused = (code: string, message: RegExp, act: () => unknown): void =>
    assert.throws(act, (error: unknown) => {
      assert.instance(error, DeepZeroError)
      assert.is((error as DeepZeroError).code, code)
      assert.match((error as DeepZeroError).message, message)
      return true
    })
  const unknown = {
    ...network.spec,
    ops: network.spec.ops.map((op) => (op.op === 'relu' ? { ...op, op: 'gelu' } : op)),
  }
  refused('ERR_NETWORK', /gelu .*: has no form in ONNX/, () => exportOnnx({ ...network, spec: unknown }))
  refused('ERR_SHAPE', /normalisation\.mean: expected 3 numbers/, () =>
    exportOnnx(network, { normalisation: { mean: [1], std: [1, 1, 1] } }),
  )
  refused('ERR_UNKNOWN_OPTION', /did you mean 'foldBatchNorm'/, () =>
    exportOnnx(network, { foldBatchnorm: true } as OnnxOptions),
  )
})

test("ONNX's own checker finds nothing wrong", () => {
  const python = pythonWith('onnx')
  if (python === undefined) {
    const reason = 'no Python with the module onnx here (Debian: python3-onnx)'
    return skip(`${reason}; ONNX Runtime has loaded every model`, 'python3-onnx')
  }
  assert.ok(models.size >= 13, `${models.size} models`)
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-onnx-'))
  try {
    const files = [...models.values()].map((bytes, i) => {
      writeFileSync(join(folder, `${i}.onnx`), bytes)
      return join(folder, `${i}.onnx`)
    })
    // The full check infers all shapes as well, and compares them with those that the model states.
    const script = `
import sys, onnx
for file in sys.argv[1:]:
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    assert inferred.graph.output[0].type == model.graph.output[0].type
print(len(sys.argv) - 1)`
    assert.is(Number(runPython(python, '-c', script, ...files)), models.size)
    console.log(`onnx.test.ts: ${models.size} models checked by ONNX`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
