/**
 * Trains the 730 parameters of `cnn-1x18` on the built-in images with `train`, and keeps a run directory when one is
 * named.
 *
 *     node --import tsx examples/train-builtin.ts [--short] [RUN_DIRECTORY]
 *
 * `--short` takes a few hundred images and one epoch. A project of its own imports from 'deepzero-native'.
 */
import { builtin, cnn, loadModel, train } from '../lib/index.ts'

const args = process.argv.slice(2)
const short = args.includes('--short')
const run = args.find((arg) => !arg.startsWith('--')) ?? null

const data = builtin(short ? { train: 200, test: 100 } : { train: 4000, test: 1000 })
const network = cnn(1, 18, { classes: data.classes.length, seed: 1 })

const options = { epochs: short ? 1 : 5, batchSize: 50, lr: 0.1, mu: 1e-4, augment: false, run }
for await (const event of train(network, data, options)) {
  if (event.type === 'start')
    console.log(
      `${event.network}: ${event.coordinates} queries a step on ${event.device} ${event.isa}, ` +
        `${event.epochs} × ${event.stepsPerEpoch} steps`,
    )
  if (event.type === 'epoch')
    console.log(
      `epoch ${event.epoch}: training loss ${event.trainLoss.toFixed(3)}, ` +
        `test accuracy ${(100 * event.testAccuracy).toFixed(1)} % after ${event.seconds.toFixed(1)} s`,
    )
  if (event.type === 'end' && event.checkpoint !== null) {
    const trained = await loadModel(`${event.checkpoint}/model.safetensors`)
    console.log(
      `weights in ${event.checkpoint}: ${trained.layout.parameters.map(({ name }) => name).join(', ')}`,
    )
  }
}
