// The bridge to PyTorch: weights of ours there, weights of PyTorch here, and a run that starts from them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { loadModel, loadWeights, saveModel } from '../lib/model.ts'
import { networkByName } from '../lib/networks/index.ts'
import { networkBuilder } from '../lib/networks/network.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { readSafetensors, writeSafetensors } from '../lib/safetensors.ts'
import { createSession } from '../lib/session.ts'
import { deepzero } from './fixtures/command.ts'
import { everyOp } from './fixtures/every-op.ts'
import { outputs } from './fixtures/outputs.ts'
import { pythonWith, runPython } from './fixtures/python.ts'
import { scatter } from './fixtures/random-networks.ts'
import { testUnless } from './fixtures/skip.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-pytorch-'))
const file = (name: string): string => join(folder, name)
const root = fileURLToPath(new URL('..', import.meta.url))
const bridge = join(root, 'examples/pytorch/deepzero_torch.py')
const python = pythonWith('torch')
/** A test of the bridge itself. */
const withTorch = testUnless(
  python === undefined ? 'no Python with torch here (Debian: python3-torch)' : null,
)

/** Float32 sums in other orders. */
const TOLERANCE = 1e-5

/** What a model file computes on 16 built-in images. */
function writeOutputs(model: string, out: string): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'examples/pytorch/outputs.ts', model, 'builtin', out, '16'],
    { cwd: root, encoding: 'utf8' },
  )
  assert.is(status, 0, stderr)
}

test('examples/pytorch/outputs.ts: images, labels and outputs of a model file', async () => {
  const network = scatter(networkByName('cnn-1x4', { seed: 2 }), 2)
  await saveModel(file('cnn'), network)
  writeOutputs(file('cnn'), file('cnn.outputs'))
  const { tensors } = await readSafetensors(file('cnn.outputs'))
  assert.equal(
    [...tensors].map(([name, { shape }]) => [name, shape]),
    [
      ['images', [16, 3, 32, 32]],
      ['labels', [16]],
      ['outputs', [16, 10]],
    ],
  )
  const again = await outputs(network, tensors.get('images')!.data as Float32Array)
  assert.equal(tensors.get('outputs')!.data, again)
})

withTorch('every op and every kind of network computes the same in PyTorch', async () => {
  const networks = [
    everyOp(),
    ...['cnn-3x6', 'resnet20', 'regression-6x4'].map((name) => scatter(networkByName(name, { seed: 2 }), 2)),
    scatter(networkByName('dncnn-5x8', { seed: 2, input: [1, 20, 24] }), 2),
  ]
  const files: string[] = []
  for (const [i, network] of networks.entries()) {
    const shape = [2, ...network.spec.input]
    const size = shape.reduce((a, b) => a * b, 1)
    const images = randomNormal({ seed: 1, purpose: Purpose.syntheticData, stream: 9 }, size)
    const expected = await outputs(network, images)
    const ends = network.layout.shapes[network.spec.ops.at(-1)!.name]!
    const natural = ends[1] === 1 && ends[2] === 1 ? [2, ends[0]] : [2, ...ends]
    await saveModel(file(`${i}.model`), network)
    await writeSafetensors(file(`${i}.outputs`), [
      ['images', { dtype: 'F32', shape, data: images }],
      ['outputs', { dtype: 'F32', shape: natural, data: expected }],
    ])
    files.push(file(`${i}.model`), file(`${i}.outputs`))
  }
  // One process for all: PyTorch takes seconds to load.
  const script = `
import sys
sys.path.insert(0, ${JSON.stringify(join(root, 'examples/pytorch'))})
sys.dont_write_bytecode = True
from deepzero_torch import compare
files = sys.argv[1:]
wrong = [model for model, outputs in zip(files[::2], files[1::2]) if not compare(model, outputs)]
sys.exit(f'differ: {wrong}' if wrong else 0)`
  const printed = runPython(python!, '-c', script, ...files)
  assert.is(printed.trim().split('\n').length, networks.length, printed)
})

withTorch(
  'a network loaded into PyTorch is a module like others: moved, cast, copied, whatever its ops are called',
  async () => {
    // Names that are a folder of another op, and a method and a parameter of modules.
    const net = networkBuilder('names', [3, 8, 8])
    const conv = net.conv2d('block.conv', net.input, { out: 4, kernel: 3, padding: 1 })
    const block = net.relu('block', net.batchNorm2d('block.bn', conv))
    const half = net.conv2d('half', block, { out: 4, kernel: 3, padding: 1 })
    net.linear('spec', net.globalAvgPool('pool', net.relu('half.weight', half)), { out: 3 })
    const network = scatter(net.build({ seed: 3 }), 3)
    const images = randomNormal({ seed: 1, purpose: Purpose.syntheticData, stream: 9 }, 2 * 192)
    const expected = await outputs(network, images)
    await saveModel(file('names'), network)
    await writeSafetensors(file('names.outputs'), [
      ['images', { dtype: 'F32', shape: [2, 3, 8, 8], data: images }],
      ['outputs', { dtype: 'F32', shape: [2, 3], data: expected }],
    ])
    const script = `
import copy, sys
sys.path.insert(0, ${JSON.stringify(join(root, 'examples/pytorch'))})
sys.dont_write_bytecode = True
import torch
from deepzero_torch import load_network, read_safetensors, relative_error
network, _ = load_network(sys.argv[1])
reference, _ = read_safetensors(sys.argv[2])
with torch.no_grad():
    for cast in (network, copy.deepcopy(network).double(), network.to('cpu'), network.float()):
        dtype = next(cast.parameters()).dtype
        print(dtype, relative_error(cast(reference['images'].to(dtype)), reference['outputs']) <= ${TOLERANCE})`
    assert.equal(runPython(python!, '-c', script, file('names'), file('names.outputs')).trim().split('\n'), [
      'torch.float32 True',
      'torch.float64 True',
      'torch.float32 True',
      'torch.float32 True',
    ])
  },
)

withTorch(
  'a run in PyTorch and back: outputs compared, weights trained there, a run that starts from them',
  async () => {
    const run = file('run')
    const small = ['--train-images', '60', '--test-images', '20', '--batch-size', '30', '--sparsity', '0.9']
    const trained = deepzero('train', '--network', 'resnet8', ...small, '--epochs', '1', '--run', run)
    assert.is(trained.code, 0, trained.err)
    const model = join(run, readFileSync(join(run, 'latest'), 'utf8').trim(), 'model.safetensors')

    writeOutputs(model, file('outputs'))
    assert.match(
      runPython(python!, bridge, 'compare', model, file('outputs')),
      /^resnet8: 16 images, relative error /,
    )

    const start = file('start.safetensors')
    const printed = runPython(python!, bridge, 'finetune', model, file('outputs'), start)
    const loss = Number(/loss ([\d.]+) after 5 steps/.exec(printed)![1])
    const names = [...(await readSafetensors(start)).tensors.keys()]
    assert.ok(names.some((name) => name.endsWith('num_batches_tracked')))
    // Both ways in: the file names its network, and somebody names it.
    const before = await loadModel(model)
    const after = await loadModel(start)
    assert.not.equal(after.parameters, before.parameters)
    assert.not.equal(after.buffers, before.buffers)
    const named = await loadWeights(start, networkByName('resnet8'))
    assert.equal([named.parameters, named.buffers], [after.parameters, after.buffers])

    const { tensors } = await readSafetensors(file('outputs'))
    const session = createSession(after, { threads: 1 })
    const batch = {
      input: tensors.get('images')!.data as Float32Array,
      target: tensors.get('labels')!.data as Int32Array,
    }
    const ours = await session.forward(batch, { statistics: 'running' })
    session.dispose()
    // Six digits are printed.
    assert.ok(Math.abs(ours.loss - loss) <= TOLERANCE * loss + 1e-6, `${ours.loss} here, ${loss} in PyTorch`)

    const again = deepzero(
      'train',
      '--network',
      'resnet8',
      ...small,
      '--epochs',
      '2',
      '--max-steps',
      '1',
      '--weights',
      start,
      '--no-augment',
      '--run',
      file('again'),
    )
    assert.is(again.code, 0, again.err)
    const zero = await loadModel(join(file('again'), 'checkpoints', '0', 'model.safetensors'))
    assert.equal([zero.parameters, zero.buffers], [after.parameters, after.buffers])
  },
)

withTorch('a wrong answer is found', async () => {
  const network = scatter(networkByName('cnn-1x4', { seed: 2 }), 2)
  const images = randomNormal({ seed: 1, purpose: Purpose.syntheticData, stream: 9 }, 2 * 3072)
  const wrong = (await outputs(network, images)).map((value, i) => value * (1 + (i % 2) * 1e-4))
  assert.ok(relativeError(wrong, await outputs(network, images)) > TOLERANCE)
  await saveModel(file('model'), network)
  await writeSafetensors(file('wrong'), [
    ['images', { dtype: 'F32', shape: [2, 3, 32, 32], data: images }],
    ['outputs', { dtype: 'F32', shape: [2, 10], data: wrong }],
  ])
  const { status, stdout } = spawnSync(python!, [bridge, 'compare', file('model'), file('wrong')], {
    encoding: 'utf8',
  })
  assert.is(status, 1, stdout)
})

test.after(() => rmSync(folder, { recursive: true }))
test.run()
