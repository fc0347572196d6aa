// Learning rates against closed forms.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { constant, cosine, learningRate, stepwise } from '../lib/schedules/schedule.ts'

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

test.run()
