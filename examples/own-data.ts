/**
 * Trains on data that a program makes, from an asynchronous iterable: blurred spots on a noisy background, of which the
 * network predicts the place. What the iterable gives is kept in a file and read from there while the engine works.
 *
 *     node --import tsx examples/own-data.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  fromIterable,
  networkBuilder,
  Purpose,
  randomWords,
  type Sample,
  splitsOf,
  train,
} from '../lib/index.ts'

const short = process.argv.includes('--short')
const SIZE = 16

/** Spots of deviation 2 pixels; the target is the place of the middle, x and y from −1 to 1. */
async function* spots(count: number, stream: number): AsyncGenerator<Sample> {
  const words = SIZE * SIZE + 2
  for (let i = 0; i < count; ++i) {
    const random = randomWords({ seed: 1, purpose: Purpose.syntheticData, stream }, words, i * words)
    const uniform = (k: number): number => random[k]! / 2 ** 32
    const [x, y] = [1.4 * uniform(0) - 0.7, 1.4 * uniform(1) - 0.7]
    const input = Uint8Array.from({ length: SIZE * SIZE }, (_, k) => {
      const dx = (k % SIZE) - ((x + 1) / 2) * (SIZE - 1)
      const dy = Math.floor(k / SIZE) - ((y + 1) / 2) * (SIZE - 1)
      return 180 * Math.exp(-(dx ** 2 + dy ** 2) / 8) + 75 * uniform(2 + k)
    })
    yield { input, target: [x, y] }
  }
}

const net = networkBuilder('spot-finder', [1, SIZE, SIZE], { loss: 'meanSquaredError' })
const block = (name: string, x: string, out: number): string => {
  const y = net.batchNorm2d(`${name}.bn`, net.conv2d(`${name}.conv`, x, { out, kernel: 3, padding: 1 }))
  return net.maxPool2d(`${name}.pool`, net.relu(`${name}.relu`, y), { kernel: 2 })
}
net.linear('place', block('c', block('b', block('a', net.input, 8), 8), 8), { out: 2 })
const network = net.build({ seed: 1 })

const folder = mkdtempSync(join(tmpdir(), 'deepzero-spots-'))
try {
  const shape = [1, SIZE, SIZE] as const
  const set = (name: string, count: number, stream: number) =>
    fromIterable(spots(count, stream), { name, shape, spool: join(folder, name) })
  const data = splitsOf(await set('train', short ? 64 : 2000, 100), await set('test', short ? 32 : 500, 101))

  const { targets } = data.test
  const middle = targets!.reduce((sum, t) => sum + t ** 2, 0) / targets!.length
  console.log(`${network.spec.name}: ${network.layout.parameterCount} parameters`)
  console.log(`always the middle: test loss ${middle.toFixed(4)}`)
  const options = { epochs: short ? 2 : 10, batchSize: 32, lr: 0.01, augment: false, weightDecay: 0 }
  for await (const event of train(network, data, { ...options, optimizer: 'adam' }))
    if (event.type === 'epoch')
      console.log(
        `epoch ${event.epoch}: test loss ${event.testLoss.toFixed(4)} after ${event.seconds.toFixed(1)} s`,
      )
} finally {
  rmSync(folder, { recursive: true })
}
