/**
 * A training loop of one's own on the session API: the estimates feed Adam (Kingma and Ba, 2015), which the package
 * does not have, and the queried weights are drawn anew every ten steps. What `train` adds to this is checkpoints,
 * metrics, schedules and a resume that gives the same bits.
 *
 *     node --import tsx examples/own-loop.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import { batches, builtin, createSession, evaluate, resnet8, uniformSparsity } from '../lib/index.ts'

const short = process.argv.includes('--short')
const data = builtin(short ? { train: 120, test: 100 } : { train: 2000, test: 500 })
const network = resnet8({ classes: data.classes.length, seed: 1 })
const session = createSession(network)

const RATE = 0.01
const REDRAW = 10
const [DECAY_FIRST, DECAY_SECOND, EPSILON] = [0.9, 0.999, 1e-8]

const weights = session.getParameters()
const first = new Float64Array(weights.length)
const second = new Float64Array(weights.length)
/** Estimates so far, per weight: a weight that is not queried is left alone. */
const seen = new Uint32Array(weights.length)

function adam(coordinates: Uint32Array, estimates: Float32Array): void {
  coordinates.forEach((i, k) => {
    const g = estimates[k]!
    seen[i]! += 1
    first[i] = DECAY_FIRST * first[i]! + (1 - DECAY_FIRST) * g
    second[i] = DECAY_SECOND * second[i]! + (1 - DECAY_SECOND) * g * g
    const mean = first[i]! / (1 - DECAY_FIRST ** seen[i]!)
    const square = second[i]! / (1 - DECAY_SECOND ** seen[i]!)
    weights[i]! -= (RATE * mean) / (Math.sqrt(square) + EPSILON)
  })
}

try {
  let step = 0
  let coordinates = new Uint32Array(0)
  for (const batch of batches(data.train, { batchSize: 40, shuffle: true })) {
    if (step % REDRAW === 0)
      coordinates = Uint32Array.from(uniformSparsity(network.layout, 0.95, { seed: 1, draw: step / REDRAW }))
    const { values, loss, accuracy } = await session.differences(batch, coordinates, { updateRunning: true })
    adam(coordinates, values)
    session.setParameters(weights)
    step += 1
    console.log(`step ${step}: loss ${loss.toFixed(3)}, accuracy ${(100 * accuracy).toFixed(0)} %`)
  }
  const test = await evaluate(session, data.test)
  console.log(`test accuracy ${(100 * test.accuracy).toFixed(1)} % on ${test.images} images`)
} finally {
  session.dispose()
}
