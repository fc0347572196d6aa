/**
 * One training step of a network that is large for a CPU, ResNet-18 (11,173,962 parameters) or DnCNN (558,400), by sparse
 * coordinate-wise estimates, with its time and the largest memory that the process had.
 *
 *     node --import tsx examples/large-networks.ts resnet18|dncnn [--short]
 *
 * `--short` takes smaller networks of the same kind. A project of its own imports from 'deepzero-native'.
 */
import {
  builtin,
  dncnn,
  type LabelledImages,
  type Network,
  Purpose,
  type RegressionDataset,
  randomNormal,
  resnet8,
  resnet18,
  type Splits,
  train,
} from '../lib/index.ts'

const short = process.argv.includes('--short')
const clean = builtin({ train: 8, test: 2 })

/** Images with noise on them, and that noise in units of its deviation as what is to be predicted. */
function noisy(set: LabelledImages): RegressionDataset {
  const noise = randomNormal(
    { seed: 1, purpose: Purpose.syntheticData, stream: set.count },
    set.images.length,
  )
  const images = set.images.map((byte, i) => Math.max(0, Math.min(255, byte + 25 * noise[i]!)))
  const targets = Float32Array.from(images, (byte, i) => (byte - set.images[i]!) / 25)
  return { ...set, images, targets, labels: undefined, classes: [] }
}

const cases: Record<string, () => { network: Network; data: Splits; batchSize: number }> = {
  resnet18: () => ({
    network: short ? resnet8({ seed: 1 }) : resnet18({ seed: 1 }),
    data: clean,
    batchSize: 2,
  }),
  dncnn: () => ({
    network: short
      ? dncnn(3, 4, { seed: 1, input: clean.shape })
      : dncnn(17, 64, { seed: 1, input: clean.shape }),
    data: { ...clean, train: noisy(clean.train), test: noisy(clean.test), classes: [] },
    batchSize: 4,
  }),
}

const names = process.argv.slice(2).filter((arg) => arg !== '--short')
const unknown = names.find((name) => !Object.hasOwn(cases, name))
if (unknown !== undefined || (names.length === 0 && !short)) {
  console.error('usage: node --import tsx examples/large-networks.ts resnet18|dncnn … [--short]')
  process.exit(2)
}
for (const name of short && names.length === 0 ? Object.keys(cases) : names) {
  const { network, data, batchSize } = cases[name]!()
  const options = { batchSize, sparsity: 0.999, maxSteps: 1, augment: false, lr: 0.001 }
  for await (const event of train(network, data, options)) {
    if (event.type === 'start')
      console.log(
        `${event.network}: ${event.parameters} parameters, ${event.coordinates} queries on ${batchSize} images; ` +
          `${event.device} ${event.isa}, ${event.threads} threads`,
      )
    if (event.type === 'step')
      console.log(
        `one step: ${event.seconds.toFixed(1)} s, ${event.queriesPerSecond.toFixed(1)} queries/s, ` +
          `loss ${event.loss.toFixed(4)} before it`,
      )
  }
  // ru_maxrss counts KiB.
  console.log(`peak memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`)
}
