// SGD against torch.optim.SGD (float32, three steps from the same weights and gradients), and by hand.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Sgd, sgd, sgdState, sgdStep } from '../lib/optimisers/sgd.ts'

const start = [1, -2, 0.5, 3]
const gradients = [
  [0.1, -0.2, 0, 4],
  [0, 0.3, 0, -1],
  [-0.5, 0.25, 0, 2],
]

function after(lr: number, options: Sgd): Float32Array {
  const parameters = Float32Array.from(start)
  const state = sgdState(start.length)
  for (const gradient of gradients) sgdStep(parameters, Float32Array.from(gradient), state, lr, options)
  return parameters
}

const torch: [string, number, Partial<Sgd>, number[]][] = [
  ['plain', 0.1, {}, [1.0399999618530273, -2.0350000858306885, 0.5, 2.499999761581421]],
  ['momentum', 0.1, { momentum: 0.9 }, [1.0228999853134155, -2.0278000831604004, 0.5, 1.9059998989105225]],
  [
    'momentum and weight decay',
    0.1,
    { momentum: 0.9, weightDecay: 5e-3 },
    [1.0201152563095093, -2.0222153663635254, 0.4985980987548828, 1.8982985019683838],
  ],
  [
    'Nesterov and weight decay',
    0.05,
    { momentum: 0.9, nesterov: true, weightDecay: 5e-3 },
    [1.028306484222412, -2.0259995460510254, 0.4989943206310272, 2.252135753631592],
  ],
]

for (const [name, lr, options, expected] of torch) {
  test(`sgd: ${name} equals PyTorch's`, () => {
    const actual = after(lr, sgd(options))
    // PyTorch rounds each product to float32; one step of ours rounds once: a few units in the last place.
    expected.forEach((value, i) => {
      const error = Math.abs(actual[i]! - value)
      assert.ok(error <= 5e-7, `parameter ${i}: expected ${value}, received ${actual[i]}`)
    })
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

test('sgd: refuses a gradient of another length', () => {
  assert.throws(() => sgdStep(new Float32Array(3), new Float32Array(2), sgdState(3), 0.1, sgd()), /3 values/)
})

test.run()
