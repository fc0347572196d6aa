/**
 * A training loop of one's own on the session API: the queried weights are drawn anew every ten steps, Adam moves them
 * and leaves the others alone, and the rate falls along a cosine. What `train` adds to this is checkpoints, metrics,
 * limits and a resume that gives the same bits.
 *
 *     node --import tsx examples/own-loop.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import {
  adam,
  adamState,
  adamStep,
  batches,
  builtin,
  cosine,
  createSession,
  evaluate,
  learningRate,
  resnet8,
  stepsPerEpoch,
  uniformSparsity,
} from '../lib/index.ts'

const short = process.argv.includes('--short')
const data = builtin(short ? { train: 120, test: 100 } : { train: 2000, test: 500 })
const network = resnet8({ classes: data.classes.length, seed: 1 })
const session = createSession(network)

const BATCH = 40
const REDRAW = 10
const schedule = cosine({ lr: 0.01, totalSteps: stepsPerEpoch(data.train, BATCH) })
const settings = adam()

const weights = session.getParameters()
const state = adamState(weights.length)
const gradient = new Float32Array(weights.length)

try {
  let step = 0
  for (const batch of batches(data.train, { batchSize: BATCH, shuffle: true })) {
    const draw = Math.floor(step / REDRAW)
    const coordinates = uniformSparsity(network.layout, 0.95, { seed: 1, draw })
    const { values, loss, accuracy } = await session.differences(batch, coordinates, { updateRunning: true })
    coordinates.forEach((coordinate, i) => {
      gradient[coordinate] = values[i]!
    })
    adamStep(weights, gradient, state, learningRate(schedule, step), settings, coordinates)
    session.setParameters(weights)
    step += 1
    console.log(`step ${step}: loss ${loss.toFixed(3)}, accuracy ${(100 * accuracy).toFixed(0)} %`)
  }
  const test = await evaluate(session, data.test)
  console.log(`test accuracy ${(100 * test.accuracy).toFixed(1)} % on ${test.images} images`)
} finally {
  session.dispose()
}
