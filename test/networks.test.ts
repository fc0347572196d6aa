// Networks: names and counts against PyTorch's files and the literature, initial weights by their statistics and
// streams, wrong networks refused with the op's name.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeepZeroError } from '../lib/errors.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { convRegression } from '../lib/networks/conv-regression.ts'
import { dncnn } from '../lib/networks/dncnn.ts'
import { networkByName, networkNames } from '../lib/networks/index.ts'
import { initialNetwork, type Network, networkBuilder } from '../lib/networks/network.ts'
import { cifarResnet, resnet8, resnet20 } from '../lib/networks/resnet.ts'
import { resnet18 } from '../lib/networks/resnet18.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { readSafetensors } from '../lib/safetensors.ts'
import { testUnless } from './fixtures/skip.ts'

const reference = fileURLToPath(new URL('../../shared/reference/', import.meta.url))
const withReference = testUnless(existsSync(reference) ? null : `${reference} not found`)

const tensor = ({ layout, parameters }: Network, name: string): Float32Array => {
  const info = layout.parameters.find((parameter) => parameter.name === name)
  assert.ok(info, `no parameter ${name}`)
  return parameters.subarray(info.offset, info.offset + info.size)
}

const refused = (work: () => unknown, code: string, ...words: string[]): void =>
  assert.throws(work, (error: DeepZeroError) => {
    assert.is(error.code, code)
    for (const word of words)
      assert.ok(error.message.includes(word), `'${error.message}' should say '${word}'`)
    return true
  })

// Option-A ResNets: 4.2 of He et al. rounds to 0.27, 0.46, 0.66, 0.85 and 1.7 million.
const counts: [string, number][] = [
  ['resnet8', 19_218],
  // Of option B, with 1×1 convolutions: 9408 less than torchvision's 7×7 stem has, and 10 classes instead of 1000.
  ['resnet18', 11_173_962],
  ['resnet20', 269_722],
  ['resnet32', 464_154],
  ['resnet44', 658_586],
  ['resnet56', 853_018],
  ['resnet110', 1_727_962],
  ['cnn-1x18', 730],
  ['cnn-2x8', 930],
  ['cnn-5x18', 12_610],
]

for (const [name, count] of counts)
  test(`${name} has ${count} parameters`, () => {
    const { spec, layout, parameters, buffers } = networkByName(name, { seed: 1 })
    assert.is(spec.name, name)
    assert.is(layout.parameterCount, count)
    assert.is(parameters.length, count)
    assert.is(buffers.length, layout.bufferCount)
    assert.is(layout.outputs, 10)
    assert.is(
      layout.parameters.reduce((sum, { size }) => sum + size, 0),
      count,
    )
  })

test('every fixed name is a network, and the tests count its parameters', () => {
  const fixed = networkNames.filter((name) => !name.includes('-'))
  for (const name of fixed)
    assert.ok(
      counts.some(([counted]) => counted === name),
      `${name} is not counted`,
    )
})

for (const [file, make] of [
  ['resnet20-init', resnet20],
  ['cnn2x8-init', () => cnn(2, 8)],
] as const)
  withReference(`${file}: names and shapes are PyTorch's`, async () => {
    const { layout } = make()
    const { tensors } = await readSafetensors(join(reference, `${file}.safetensors`))
    const ours = [...layout.parameters, ...layout.buffers].map(({ name, shape }) => `${name} [${shape}]`)
    const theirs = [...tensors].map(([name, { shape }]) => `${name} [${shape}]`)
    assert.equal(ours.toSorted(), theirs.toSorted())
    const expected = await readSafetensors(join(reference, `${file}.expected.safetensors`))
    assert.equal(
      layout.parameters.map(({ name }) => name),
      JSON.parse(expected.metadata.parameters as string),
      'the order of the parameters',
    )
  })

test('shapes: strides halve, pools halve, classes and input as asked', () => {
  const { layout } = resnet20({ classes: 100, input: [1, 28, 28] })
  assert.is(layout.outputs, 100)
  assert.equal([...(layout.shapes['layer1.2.relu2'] ?? [])], [16, 28, 28])
  assert.equal([...(layout.shapes['layer2.0.add'] ?? [])], [32, 14, 14])
  assert.equal([...(layout.shapes['layer3.2.relu2'] ?? [])], [64, 7, 7])
  assert.equal([...(layout.shapes.pool ?? [])], [64, 1, 1])
  assert.equal([...(cnn(5, 4).layout.shapes['conv_layers.19'] ?? [])], [4, 1, 1])
})

test('initial weights: Kaiming-normal by fan-in, biases 0, batch norm 1, statistics 0 and 1', () => {
  const network = resnet20({ seed: 5 })
  for (const { name, role, kind, size, shape } of network.layout.parameters) {
    const values = tensor(network, name)
    if (role === 'bias')
      assert.ok(
        values.every((value) => value === 0),
        name,
      )
    else if (kind === 'batchNorm2d')
      assert.ok(
        values.every((value) => value === 1),
        name,
      )
    else {
      const variance = 2 / (size / (shape[0] as number))
      const mean = values.reduce((sum, value) => sum + value, 0) / size
      const square = values.reduce((sum, value) => sum + value * value, 0) / size
      // Five standard errors of the mean and of the variance of `size` normal numbers.
      assert.ok(Math.abs(mean) <= 5 * Math.sqrt(variance / size), `${name}: mean ${mean}`)
      assert.ok(Math.abs(square / variance - 1) <= 5 * Math.sqrt(2 / size), `${name}: variance ${square}`)
    }
  }
  for (const { role, offset, size } of network.layout.buffers)
    assert.ok(
      network.buffers.subarray(offset, offset + size).every((v) => v === (role === 'running_var' ? 1 : 0)),
    )
})

test('initial weights: parameter i reads stream i of the seed', () => {
  const network = cnn(2, 8, { seed: 9 })
  const stream = network.layout.parameters.findIndex(({ name }) => name === 'conv_layers.4.weight')
  const normal = randomNormal({ seed: 9, purpose: Purpose.initialisation, stream }, 576)
  assert.equal(
    tensor(network, 'conv_layers.4.weight'),
    normal.map((value) => value * Math.sqrt(2 / 72)),
  )
})

test('the seed alone decides, on every platform', () => {
  const digest = ({ parameters }: Network): string =>
    createHash('sha256').update(new Uint8Array(parameters.buffer)).digest('hex').slice(0, 16)
  assert.is(digest(resnet8({ seed: 1 })), digest(resnet8({ seed: 1 })))
  assert.is.not(digest(resnet8({ seed: 1 })), digest(resnet8({ seed: 2 })))
  assert.is(digest(resnet8({ seed: 1 })), '2b06bf583877515e')
})

test('the spec is plain data and rebuilds the same network', () => {
  const first = resnet8({ seed: 4 })
  const again = initialNetwork(JSON.parse(JSON.stringify(first.spec)), 4)
  assert.equal(again.layout, first.layout)
  assert.equal(again.parameters, first.parameters)
  for (const { op, name, inputs, ...attributes } of first.spec.ops) {
    if (op === 'conv2d')
      assert.equal(Object.keys(attributes).toSorted(), ['bias', 'kernel', 'out', 'padding', 'stride'])
    if (op === 'batchNorm2d') assert.equal(attributes, { eps: 1e-5, momentum: 0.1 })
    assert.ok(name.length > 0 && inputs.length > 0)
  }
})

test('unknown names are refused with the nearest one', () => {
  refused(() => networkByName('resnet-20'), 'ERR_NETWORK', "'resnet-20'", "did you mean 'resnet20'")
  refused(() => networkByName('renset56'), 'ERR_NETWORK', "did you mean 'resnet56'")
  refused(() => networkByName('vgg'), 'ERR_NETWORK', 'resnet8', 'cnn-DEPTHxCHANNELS')
  refused(() => networkByName('toString'), 'ERR_NETWORK')
  for (const bad of ['cnn-0x8', 'cnn-6x8', 'cnn-2x0'])
    refused(() => networkByName(bad), 'ERR_NETWORK', bad, '1 to 5')
  for (const bad of ['dncnn-1x8', 'dncnn-3x0', 'regression-7x4', 'regression-2x4'])
    refused(() => networkByName(bad), 'ERR_NETWORK', bad, 'at least')
  refused(() => networkByName('dncn-17x64'), 'ERR_NETWORK')
  refused(() => convRegression(5), 'ERR_NETWORK', 'even depth', '5')
  refused(() => networkByName(''), 'ERR_INVALID_ARGUMENT', 'network')
  refused(() => cifarResnet('resnet21', 21, 16), 'ERR_NETWORK', '6n + 2', '21')
  refused(() => resnet8({ seed: -1 }), 'ERR_INVALID_ARGUMENT', 'seed')
  refused(() => resnet8({ classes: 0 }), 'ERR_INVALID_ARGUMENT', 'classes')
})

// 558,400 and 260,354: sums over layers of weights, biases of all regression convolutions and of the first one of DnCNN,
// and batch norm's two numbers a channel in DnCNN's inner layers.
for (const [name, count, outputs] of [
  ['dncnn-17x64', 3 * 64 * 9 + 64 + 15 * (64 * 64 * 9 + 2 * 64) + 64 * 3 * 9, 3 * 40 * 40],
  ['regression-12x32', 3 * 32 * 25 + 32 + 10 * (32 * 32 * 25 + 32) + 32 * 2 * 25 + 2, 2 * 32 * 32],
] as const)
  test(`${name} has ${count} parameters, ${outputs} outputs and the mean squared error`, () => {
    const { spec, layout } = networkByName(name)
    assert.is(spec.name, name)
    assert.is(layout.parameterCount, count)
    assert.ok([558_400, 260_354].includes(count))
    assert.is(layout.outputs, outputs)
    assert.is(spec.loss, 'meanSquaredError')
  })

test('resnet18: shapes, and the names of torchvision', () => {
  const { layout } = resnet18({ classes: 100 })
  assert.equal([...(layout.shapes['layer1.1.relu2'] ?? [])], [64, 32, 32])
  assert.equal([...(layout.shapes['layer2.0.downsample.1'] ?? [])], [128, 16, 16])
  assert.equal([...(layout.shapes['layer4.1.relu2'] ?? [])], [512, 4, 4])
  const names = layout.parameters.map(({ name }) => name)
  assert.equal(names.slice(0, 4), ['conv1.weight', 'bn1.weight', 'bn1.bias', 'layer1.0.conv1.weight'])
  assert.equal(names.filter((name) => name.includes('downsample')).length, 9)
  assert.equal(names.slice(-2), ['fc.weight', 'fc.bias'])
})

test('dncnn: modules are numbered as in a Sequential; any patch has the same parameters', () => {
  const { layout, spec } = dncnn(4, 8, { input: [1, 6, 5] })
  assert.equal(
    layout.parameters.map(({ name }) => name),
    [
      ...['dncnn.0.weight', 'dncnn.0.bias', 'dncnn.2.weight', 'dncnn.3.weight', 'dncnn.3.bias'],
      ...['dncnn.5.weight', 'dncnn.6.weight', 'dncnn.6.bias', 'dncnn.8.weight'],
    ],
  )
  const norm = spec.ops.find(({ op }) => op === 'batchNorm2d')
  assert.equal([norm?.eps, norm?.momentum], [1e-4, 0.95])
  assert.is(dncnn(4, 8, { input: [1, 9, 9] }).layout.parameterCount, layout.parameterCount)
  assert.is(layout.outputs, 30)
})

test('shape errors name the op', () => {
  const net = networkBuilder('bad', [3, 8, 8])
  const a = net.conv2d('a', net.input, { out: 4, kernel: 3, padding: 1 })
  const b = net.conv2d('b', net.input, { out: 5, kernel: 3, padding: 1 })
  net.add('sum', a, b)
  refused(() => net.build({ seed: 0 }), 'ERR_SHAPE', 'sum')
  const large = networkBuilder('large', [3, 8, 8])
  large.conv2d('huge', large.input, { out: 4, kernel: 11 })
  refused(() => large.build({ seed: 0 }), 'ERR_SHAPE', 'huge')
})

test('an error leads to the line that added the op', () => {
  const net = networkBuilder('bad', [3, 8, 8])
  const a = net.conv2d('a', net.input, { out: 4, kernel: 3, padding: 1 })
  const here = new Error()
  const small = net.maxPool2d('small', a, { kernel: 2 }) // the line after `here`
  net.concat('joined', a, small) // and the next one
  const line = (error: Error): number =>
    Number(/networks\.test\.ts:(\d+):/.exec(error.stack?.split('\n')[1] ?? '')?.[1])
  assert.throws(
    () => net.build({ seed: 0 }),
    (error: Error) => {
      assert.is(
        error.message,
        'concat joined: expected two inputs of one height and width, received 8×8 and 4×4',
      )
      assert.is(line(error), line(here) + 2)
      return true
    },
  )
})

test('options that an op does not know, or of a wrong kind, are refused at once', () => {
  const net = networkBuilder('bad', [3, 8, 8])
  const loose = net as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const [method, options, ...words] of [
    ['conv2d', { out: 4, kernel: 3, pading: 1 }, 'conv2d c', "'pading'", "did you mean 'padding'"],
    ['conv2d', { out: 4.5, kernel: 3 }, 'conv2d c.out', '4.5'],
    ['conv2d', { out: 4, kernel: [3, 3, 3] }, 'conv2d c.kernel', 'an array of 3'],
    ['leakyRelu', { slope: 2 }, 'leakyRelu c.slope', 'from 0 to 1'],
    ['upsample2d', { scale: 0 }, 'upsample2d c.scale', 'at least 1'],
    ['avgPool2d', { kernel: 0 }, 'avgPool2d c.kernel', 'at least 1'],
    ['batchNorm2d', { eps: 0 }, 'batchNorm2d c.eps', 'above 0'],
    ['linear', { out: 2, bias: 1 }, 'linear c.bias', 'true or false'],
  ] as const)
    assert.throws(
      () => loose[method]?.('c', net.input, options),
      ({ message }: Error) => words.every((word) => message.includes(word as string)),
      `${method} ${JSON.stringify(options)}`,
    )
  refused(() => loose.relu?.('', net.input), 'ERR_INVALID_ARGUMENT', 'relu')
  refused(() => loose.add?.('sum', net.input), 'ERR_INVALID_ARGUMENT', 'add sum')
  refused(() => loose.linear?.('c', net.input), 'ERR_INVALID_ARGUMENT', 'linear c', 'an object')
  assert.is(net.spec().ops.length, 0)
  net.conv2d('c', net.input, { kernel: 3 } as { out: number; kernel: number })
  refused(() => net.build({ seed: 0 }), 'ERR_NETWORK', 'conv2d c', "'out'", 'missing')
  assert.throws(() => networkBuilder('n', [3, 8, 8], { loss: 'mse' as 'crossEntropy' }), /options.loss.*mse/)
})

test('unknown inputs and double names are refused', () => {
  const twice = networkBuilder('twice', [3, 8, 8])
  twice.relu('again', twice.relu('again', twice.input))
  refused(() => twice.build({ seed: 0 }), 'ERR_NETWORK', 'again')
  const lost = networkBuilder('lost', [3, 8, 8])
  lost.relu('r', 'nothing')
  refused(() => lost.build({ seed: 0 }), 'ERR_NETWORK', 'nothing')
})

test.run()
