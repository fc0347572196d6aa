/**
 * Writes a network of its own, a small U-shaped denoiser, and trains it on noisy versions of the built-in images: it
 * predicts the noise, so that image − output is the clean one. Prints what an op that does not fit is answered with, how
 * exact the differences of the network are, and the loss beside that of predicting no noise at all.
 *
 *     node --import tsx examples/own-network.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import {
  builtin,
  checkRandom,
  type LabelledImages,
  type Network,
  networkBuilder,
  Purpose,
  type RegressionDataset,
  randomNormal,
  type Splits,
  train,
} from '../lib/index.ts'

const short = process.argv.includes('--short')

/** Half the resolution inside, and what the input says in detail beside it. */
function denoiser(input: readonly [number, number, number], width: number): Network {
  const net = networkBuilder('u-denoiser', input, { loss: 'meanSquaredError' })
  const block = (name: string, x: string, out: number): string => {
    const y = net.conv2d(`${name}.conv`, x, { out, kernel: 3, padding: 1 })
    return net.leakyRelu(`${name}.leaky`, net.batchNorm2d(`${name}.bn`, y))
  }
  const fine = block('fine', net.input, width)
  const coarse = block('coarse', net.avgPool2d('down', fine, { kernel: 2 }), 2 * width)
  const joined = net.concat('joined', fine, net.upsample2d('up', coarse))
  const x = block('merge', joined, width)
  // What comes last is the output: a number for each number of the image.
  net.conv2d('noise', x, { out: input[0], kernel: 3, padding: 1, bias: true })
  return net.build({ seed: 1 })
}

/** The images with Gaussian noise added to their bytes; the targets are that noise in units of its deviation. */
function noisy(clean: LabelledImages, deviation: number, stream: number): RegressionDataset {
  const noise = randomNormal({ seed: 1, purpose: Purpose.syntheticData, stream }, clean.images.length)
  const images = clean.images.map((byte, i) => Math.max(0, Math.min(255, byte + deviation * noise[i]!)))
  const targets = Float32Array.from(images, (byte, i) => (byte - clean.images[i]!) / deviation)
  return { ...clean, name: `noisy ${clean.name}`, images, targets, labels: undefined, classes: [] }
}

try {
  const net = networkBuilder('mistaken', [3, 32, 32])
  const half = net.maxPool2d('half', net.input, { kernel: 2 })
  net.concat('joined', net.input, half)
  net.build({ seed: 1 })
} catch (error) {
  // Its stack leads to the line that added the op.
  console.log(`a mistake: ${(error as Error).message}`)
}

const clean = builtin(short ? { train: 16, test: 8 } : { train: 400, test: 100 })
const data: Splits<RegressionDataset> = {
  name: 'noisy images',
  train: noisy(clean.train, 25, 100),
  test: noisy(clean.test, 25, 101),
  classes: [],
  shape: clean.shape,
}
const network = denoiser(clean.shape, short ? 2 : 8)
console.log(`${network.spec.name}: ${network.layout.parameterCount} parameters`)

const small = denoiser([3, 8, 8], 2)
for (const { name, error, tolerance } of (await checkRandom(small)).lines)
  console.log(`${name}: ${error.toExponential(1)} from two float64 passes, ${tolerance} allowed`)

const { targets } = data.test
const nothing = targets.reduce((sum, t) => sum + t ** 2, 0) / targets.length
console.log(`predicting no noise: test loss ${nothing.toFixed(4)}`)
const options = {
  epochs: short ? 1 : 6,
  batchSize: 8,
  lr: 0.01,
  sparsity: 0.5,
  augment: false,
  weightDecay: 0,
}
for await (const event of train(network, data, { ...options, optimizer: 'adam' }))
  if (event.type === 'epoch')
    console.log(
      `epoch ${event.epoch}: training loss ${event.trainLoss.toFixed(4)}, test loss ${event.testLoss.toFixed(4)} ` +
        `after ${event.seconds.toFixed(1)} s`,
    )
