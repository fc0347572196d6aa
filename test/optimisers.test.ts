// Optimisers against torch.optim (float32, three steps from the same weights and gradients), plain loops and by hand.
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Adam, adam } from '../lib/optimisers/adam.ts'
import { clipByNorm, clipByValue } from '../lib/optimisers/clip.ts'
import { makeOptimiser, type OptimiserKind, optimiserKinds } from '../lib/optimisers/optimiser.ts'
import { type Sgd, sgd, sgdState, sgdStep } from '../lib/optimisers/sgd.ts'
import { signSgd, signSgdState, signSgdStep } from '../lib/optimisers/signsgd.ts'
import { refused } from './fixtures/rejects.ts'

const start = [1, -2, 0.5, 3]
const gradients = [
  [0.1, -0.2, 0, 4],
  [0, 0.3, 0, -1],
  [-0.5, 0.25, 0, 2],
]

type Settings = Sgd & Adam
const settingsOf = (given: Partial<Settings>): Settings => ({ ...sgd(), ...adam(), ...given })

function after(kind: OptimiserKind, lr: number, given: Partial<Settings>): Float32Array {
  const parameters = Float32Array.from(start)
  const optimiser = makeOptimiser(kind, settingsOf(given), start.length)
  for (const gradient of gradients) optimiser.step(parameters, Float32Array.from(gradient), lr)
  return parameters
}

const torch: [string, OptimiserKind, number, Partial<Settings>, number[]][] = [
  ['plain', 'sgd', 0.1, {}, [1.0399999618530273, -2.0350000858306885, 0.5, 2.499999761581421]],
  [
    'momentum',
    'sgd',
    0.1,
    { momentum: 0.9 },
    [1.0228999853134155, -2.0278000831604004, 0.5, 1.9059998989105225],
  ],
  [
    'momentum and weight decay',
    'sgd',
    0.1,
    { momentum: 0.9, weightDecay: 5e-3 },
    [1.0201152563095093, -2.0222153663635254, 0.4985980987548828, 1.8982985019683838],
  ],
  [
    'Nesterov and weight decay',
    'sgd',
    0.05,
    { momentum: 0.9, nesterov: true, weightDecay: 5e-3 },
    [1.028306484222412, -2.0259995460510254, 0.4989943206310272, 2.252135753631592],
  ],
  ['Adam', 'adam', 0.1, {}, [0.8854891657829285, -1.9769176244735718, 0.5, 2.792505979537964]],
  [
    'Adam with its own settings and weight decay',
    'adam',
    0.05,
    { beta1: 0.8, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.1 },
    [0.9196680188179016, -1.9190714359283447, 0.35391709208488464, 2.8914995193481445],
  ],
  [
    'AdamW',
    'adam',
    0.05,
    { weightDecay: 0.1, decoupledWeightDecay: true },
    [0.9284857511520386, -1.959045648574829, 0.4925374388694763, 2.8520939350128174],
  ],
  [
    'AMSGrad',
    'amsgrad',
    0.1,
    { beta2: 0.5 },
    [0.882689356803894, -1.97430419921875, 0.5, 2.8051371574401855],
  ],
  [
    'AMSGrad, decoupled',
    'amsgrad',
    0.1,
    { beta2: 0.5, weightDecay: 0.2, decoupledWeightDecay: true },
    [0.8290016651153564, -1.8601818084716797, 0.470596045255661, 2.6335113048553467],
  ],
]

for (const [name, kind, lr, given, expected] of torch) {
  test(`${kind}: ${name} equals PyTorch's`, () => {
    const actual = after(kind, lr, given)
    // PyTorch rounds each product to float32; one step of ours rounds once: a few units in the last place.
    expected.forEach((value, i) => {
      const error = Math.abs(actual[i]! - value)
      assert.ok(error <= 5e-7, `parameter ${i}: expected ${value}, received ${actual[i]}`)
    })
  })
}

/** One parameter through all steps, written from the papers; stored numbers are rounded to float32. */
function plain(kind: OptimiserKind, theta: number, gs: number[], lr: number, s: Settings): number {
  let [b, m, v, w] = [0, 0, 0, 0]
  let x = Math.fround(theta)
  gs.forEach((estimate, k) => {
    const t = k + 1
    const g = Math.fround(estimate) + (s.decoupledWeightDecay ? 0 : s.weightDecay * x)
    const shrunk = s.decoupledWeightDecay ? x - lr * s.weightDecay * x : x
    let move: number
    if (kind === 'sgd') {
      const next = s.momentum * b + g
      move = s.nesterov ? g + s.momentum * next : next
      b = Math.fround(next)
    } else if (kind === 'signsgd') {
      const next = s.momentum * b + (1 - s.momentum) * g
      move = next > 0 ? 1 : next < 0 ? -1 : 0
      b = Math.fround(next)
    } else {
      const first = s.beta1 * m + (1 - s.beta1) * g
      const second = s.beta2 * v + (1 - s.beta2) * g ** 2
      const largest = kind === 'amsgrad' ? Math.max(w, second) : second
      move = first / (1 - s.beta1 ** t) / (Math.sqrt(largest / (1 - s.beta2 ** t)) + s.epsilon)
      ;[m, v, w] = [first, second, largest].map(Math.fround) as [number, number, number]
    }
    x = Math.fround(shrunk - lr * move)
  })
  return x
}

const unit = fc.double({ min: 0, max: 0.99, noNaN: true })
const number = fc.double({ min: -4, max: 4, noNaN: true })
const anySettings = fc.record({
  momentum: unit,
  nesterov: fc.boolean(),
  beta1: unit,
  beta2: unit,
  epsilon: fc.constantFrom(1e-8, 1e-3),
  weightDecay: fc.constantFrom(0, 5e-4, 0.1),
  decoupledWeightDecay: fc.boolean(),
})

for (const kind of optimiserKinds) {
  test(`${kind}: equals a plain loop over one parameter, for any settings`, () => {
    const property = fc.property(
      anySettings,
      fc.array(number, { minLength: 1, maxLength: 5 }),
      fc.array(fc.array(number, { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      (settings, weights, steps) => {
        const parameters = Float32Array.from(weights)
        const optimiser = makeOptimiser(kind, settings, weights.length)
        for (const gradient of steps)
          optimiser.step(parameters, Float32Array.from(gradient.slice(0, weights.length)), 0.1)
        weights.forEach((theta, i) => {
          const gs = steps.map((gradient) => gradient[i]!)
          const expected = plain(kind, theta, gs, 0.1, settings)
          // Both round to float32 once per step; a product in another order may round to a neighbour.
          const error = Math.abs(parameters[i]! - expected)
          assert.ok(error <= 1e-5 * Math.max(1, Math.abs(expected)), `${parameters[i]}, expected ${expected}`)
        })
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  test(`${kind}: with an active set, the others and their state stay as they are`, () => {
    const settings = settingsOf({ momentum: 0.9, weightDecay: 0.1 })
    const part = makeOptimiser(kind, settings, 4)
    const whole = makeOptimiser(kind, settings, 2)
    const parameters = Float32Array.from(start)
    const [one, three] = [Float32Array.of(start[1]!, start[3]!), Uint32Array.of(1, 3)]
    for (const gradient of gradients) {
      part.step(parameters, Float32Array.from(gradient), 0.1, three)
      whole.step(one, Float32Array.of(gradient[1]!, gradient[3]!), 0.1)
    }
    assert.equal(parameters, Float32Array.of(start[0]!, one[0]!, start[2]!, one[1]!))
    for (const [name, vector] of Object.entries(part.state)) {
      const packed = whole.state[name]!
      assert.equal([...vector], [0, packed[0], 0, packed[1]], name)
    }
  })
}

test('sgd: momentum and weight decay move a coordinate without an estimate', () => {
  const options = sgd({ momentum: 0.5, weightDecay: 0.25 })
  const parameters = Float32Array.of(8)
  const state = sgdState(1)
  sgdStep(parameters, Float32Array.of(0), state, 0.5, options) // g = 2, b = 2, θ = 8 − 1
  assert.is(parameters[0], 7)
  sgdStep(parameters, Float32Array.of(0), state, 0.5, options) // g = 1.75, b = 2.75, θ = 7 − 1.375
  assert.is(parameters[0], 5.625)
  assert.is(state.momentum[0], 2.75)
})

test('sgd: decoupled weight decay by hand', () => {
  const options = sgd({ momentum: 0.5, weightDecay: 0.25, decoupledWeightDecay: true })
  const parameters = Float32Array.of(8)
  const state = sgdState(1)
  sgdStep(parameters, Float32Array.of(2), state, 0.5, options) // b = 2, θ = 8·0.875 − 1
  assert.is(parameters[0], 6)
  sgdStep(parameters, Float32Array.of(0), state, 0.5, options) // b = 1, θ = 6·0.875 − 0.5
  assert.is(parameters[0], 4.75)
})

test('signsgd by hand: the size of a gradient does not count, without a past nothing moves', () => {
  const parameters = Float32Array.of(1, 1, 1)
  const state = signSgdState(3)
  signSgdStep(parameters, Float32Array.of(1e-6, -300, 0), state, 0.25, signSgd())
  assert.equal(parameters, Float32Array.of(0.75, 1.25, 1))
  // Signum: b = ½·(1e-6, −300, 0) + ½·(−3e-6, 100, 0), signs −, −, 0.
  signSgdStep(parameters, Float32Array.of(-3e-6, 100, 0), state, 0.25, signSgd({ momentum: 0.5 }))
  assert.equal(parameters, Float32Array.of(1, 1.5, 1))
})

test('adam: a parameter that joins late starts as any other', () => {
  const settings = settingsOf({})
  const optimiser = makeOptimiser('adam', settings, 2)
  const parameters = Float32Array.of(0, 0)
  for (let step = 0; step < 50; step++) {
    optimiser.step(parameters, Float32Array.of(0.3, 0), 0.1, Uint32Array.of(0))
  }
  optimiser.step(parameters, Float32Array.of(0.3, 0.3), 0.1, Uint32Array.of(0, 1))
  // m̂ = g and v̂ = g² after one update: a step of lr·g/(|g| + ε), to rounding to float32.
  assert.ok(Math.abs(parameters[1]! + 0.1) <= 1e-7, `expected −0.1, received ${parameters[1]}`)
  assert.equal([...optimiser.state.updates!], [51, 1])
})

test('refuses a gradient or a state of another length', async () => {
  const three = () => new Float32Array(3)
  const short = () => sgdStep(three(), new Float32Array(2), sgdState(3), 0.1, sgd())
  await refused(
    short,
    'ERR_INVALID_ARGUMENT',
    'gradient: expected 3 values, as many as there are parameters, received a Float32Array of 2',
  )
  for (const kind of optimiserKinds) {
    const optimiser = makeOptimiser(kind, settingsOf({}), 2)
    const [name] = Object.keys(optimiser.state)
    const step = () => optimiser.step(three(), three(), 0.1)
    await refused(step, 'ERR_INVALID_ARGUMENT', `${name}: expected 3 values`)
  }
})

test('clipping by norm and by value', () => {
  const gradient = Float32Array.of(3, 0, -4)
  assert.is(clipByNorm(gradient, 10), 5)
  assert.equal(gradient, Float32Array.of(3, 0, -4))
  assert.is(clipByNorm(gradient, 2.5), 5)
  assert.equal(gradient, Float32Array.of(1.5, 0, -2))
  clipByValue(gradient, 1.75)
  assert.equal(gradient, Float32Array.of(1.5, 0, -1.75))
})

test.run()
