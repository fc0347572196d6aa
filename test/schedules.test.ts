// Learning rates and smoothing steps against closed forms, and one-cycle against PyTorch's.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { oneCycle } from '../lib/schedules/one-cycle.ts'
import { constant, cosine, learningRate, stepwise } from '../lib/schedules/schedule.ts'
import { type Smoothing, smoothingStep } from '../lib/schedules/smoothing.ts'

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-12, `expected ${expected}, received ${actual}`)

test('cosine: starts at lr, is half of it in the middle and would reach 0 after the last step', () => {
  const schedule = cosine({ lr: 0.2, totalSteps: 100 })
  near(learningRate(schedule, 0), 0.2)
  near(learningRate(schedule, 50), 0.1)
  near(learningRate(schedule, 25), 0.2 * 0.5 * (1 + Math.SQRT1_2))
  near(learningRate(schedule, 100), 0)
  near(learningRate(schedule, 140), 0)
  assert.ok(learningRate(schedule, 99) > 0)
})

test('warm-up: rises in equal steps to lr, then T is what is left', () => {
  const schedule = cosine({ lr: 0.1, warmupSteps: 4, totalSteps: 24 })
  for (let step = 0; step < 4; step++) near(learningRate(schedule, step), (0.1 * (step + 1)) / 4)
  near(learningRate(schedule, 4), 0.1)
  near(learningRate(schedule, 14), 0.05)
  near(learningRate(schedule, 24), 0)
})

test('constant and step', () => {
  near(learningRate(constant({ lr: 0.3, totalSteps: 10 }), 9), 0.3)
  const schedule = stepwise({ lr: 1, totalSteps: 30, milestones: [10, 20], gamma: 0.1, warmupSteps: 2 })
  near(learningRate(schedule, 0), 0.5)
  near(learningRate(schedule, 9), 1)
  near(learningRate(schedule, 10), 0.1)
  near(learningRate(schedule, 29), 0.01)
})

// torch.optim.lr_scheduler.OneCycleLR with max_lr = 0.4.
const torch: [string, object, number[]][] = [
  [
    "PyTorch's defaults",
    { totalSteps: 10 },
    [
      0.016000000000000014, 0.20800000000000002, 0.4, 0.38019385280538953, 0.3246982615799052,
      0.24450480877451572, 0.1554967912254843, 0.0753033384200948, 0.019807747194610516, 1.6e-6,
    ],
  ],
  [
    'a peak between two steps',
    { totalSteps: 7, rise: 0.5, divisor: 10, finalDivisor: 100 },
    [
      0.03999999999999998, 0.16437694101250946, 0.36562305898749053, 0.38021357980690335, 0.24465968260447163,
      0.07562673758862505, 0.0004,
    ],
  ],
]

for (const [name, options, expected] of torch) {
  test(`one-cycle: ${name}`, () => {
    const schedule = oneCycle({ lr: 0.4, totalSteps: 10, ...options })
    for (const [step, rate] of expected.entries()) near(learningRate(schedule, step), rate)
    near(learningRate(schedule, 1000), expected.at(-1)!)
  })
}

test('one-cycle: no step to climb in, none to fall in, a run of one step', () => {
  near(learningRate(oneCycle({ lr: 0.4, totalSteps: 2, rise: 0.5 }), 0), 0.4)
  const up = oneCycle({ lr: 0.4, totalSteps: 5, rise: 1 })
  near(learningRate(up, 0), 0.016)
  near(learningRate(up, 4), 0.4)
  // The numbers of OneCycleLR, as above.
  near(learningRate(oneCycle({ lr: 0.4, totalSteps: 10, rise: 0 }), 0), 0.3902113424138177)
  for (const rise of [0, 0.3]) near(learningRate(oneCycle({ lr: 0.4, totalSteps: 1, rise }), 0), 1.6e-6)
  near(learningRate(oneCycle({ lr: 0.4, totalSteps: 1, rise: 1 }), 0), 0.4)
})

test('mu: the rate, a part of it, a geometric course, never below 1e-7', () => {
  const mu = (smoothing: Smoothing, step: number, rate = 0.05): number => smoothingStep(smoothing, step, rate)
  near(mu({ kind: 'constant', mu: 1e-3 }, 7), 1e-3)
  near(mu({ kind: 'rate' }, 7), 0.05)
  near(mu({ kind: 'rate' }, 7, 0), 1e-7)
  near(mu({ kind: 'proportional', mu: 1e-3, lr: 0.1 }, 7), 5e-4)
  near(mu({ kind: 'proportional', mu: 1e-3, lr: 0.1 }, 7, 1e-9), 1e-7)
  const geometric: Smoothing = { kind: 'geometric', mu: 1e-2, end: 1e-6, totalSteps: 5 }
  for (const [step, expected] of [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-6].entries())
    near(mu(geometric, step), expected)
  near(mu({ ...geometric, totalSteps: 1 }, 0), 1e-2)
})

test.run()
