/**
 * Writes what a model file computes on test images, for examples/pytorch/deepzero_torch.py to compare with: the normalised
 * `images` [N, C, H, W], their `labels` [N] and the `outputs` [N, K], with running statistics.
 *
 *     node --import tsx examples/pytorch/outputs.ts MODEL DATA|builtin OUT [IMAGES]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import {
  batches,
  builtin,
  cifar10,
  createSession,
  loadModel,
  readSafetensors,
  writeSafetensors,
} from '../../lib/index.ts'

const [model, folder, out, images = '64'] = process.argv.slice(2)
if (model === undefined || folder === undefined || out === undefined) {
  console.error('usage: node --import tsx examples/pytorch/outputs.ts MODEL DATA|builtin OUT [IMAGES]')
  process.exit(2)
}
const network = await loadModel(model)
const { test } = folder === 'builtin' ? builtin({ test: Number(images) }) : await cifar10(folder)
// As the model was trained; without its own, that of the data.
const { metadata } = await readSafetensors(model)
const normalisation = metadata.normalisation === undefined ? {} : JSON.parse(metadata.normalisation)
const [batch] = batches({ ...test, ...normalisation }, { batchSize: Number(images) })
const session = createSession(network)
const { outputs, accuracy } = await session.forward(batch!, { statistics: 'running' })
session.dispose()
await writeSafetensors(out, [
  ['images', { dtype: 'F32', shape: [batch!.count, ...network.spec.input], data: batch!.input }],
  ['labels', { dtype: 'I32', shape: [batch!.count], data: batch!.target }],
  ['outputs', { dtype: 'F32', shape: [batch!.count, network.layout.outputs], data: outputs }],
])
console.log(`${network.spec.name}: ${batch!.count} images, accuracy ${accuracy}; written to ${out}`)
