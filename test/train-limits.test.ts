// The end of a run by steps, queries or time: what it says, what it leaves, and how it goes on.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { builtin } from '../lib/data/builtin.ts'
import { networkByName } from '../lib/networks/index.ts'
import { readConfig } from '../lib/runs/config.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import { createSession } from '../lib/session.ts'
import { evaluate } from '../lib/training/evaluate.ts'
import type { EndEvent, StartEvent, TrainEvent } from '../lib/training/events.ts'
import { lastStep, reachedLimit } from '../lib/training/limits.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const data = builtin({ train: 60, test: 20 })
const network = networkByName('cnn-1x3', { seed: 5 })
const folder = mkdtempSync(join(tmpdir(), 'deepzero-limits-'))
let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

/** Three steps an epoch. */
const tiny = { epochs: 4, batchSize: 25, lr: 0.05, augment: false, threads: 1 } as const
const perStep = network.parameters.length

async function all(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(network, data, { ...tiny, ...options })) events.push(event)
  return events
}
const end = (events: TrainEvent[]): EndEvent => events.at(-1) as EndEvent
const kinds = (events: TrainEvent[]): string => events.map(({ type }) => type).join(' ')
const timeless = (run: string): object[] =>
  readMetrics(run).map(({ seconds: _, queriesPerSecond: __, waited: ___, ...rest }) => rest)

test('a limit inside an epoch: no epoch event, the weights are evaluated all the same', async () => {
  const run = fresh()
  const events = await all({ maxSteps: 5, run })
  assert.is(
    kinds(events),
    'start checkpoint step estimates step step epoch checkpoint step estimates step checkpoint end',
  )
  const { reason, steps, epochs, queries, testLoss, testAccuracy, parameters, buffers, best } = end(events)
  assert.equal([reason, steps, epochs, queries], ['steps', 5, 1, 5 * perStep])
  assert.is((events[0] as StartEvent).lastStep, 5)
  const session = createSession({ ...network, parameters, buffers })
  const again = await evaluate(session, data.test)
  session.dispose()
  assert.equal([testLoss, testAccuracy], [again.loss, again.accuracy])
  assert.ok(best.testAccuracy >= testAccuracy)
  assert.is(end(events).checkpoint, join(run, 'checkpoints', '5'))
  assert.equal(
    timeless(run).map((line) => (line as { type: string }).type),
    ['step', 'estimates', 'step', 'step', 'epoch', 'step', 'estimates', 'step'],
  )
})

test('a limit at the end of an epoch: its event comes first; one beyond the epochs does nothing', async () => {
  const events = await all({ maxSteps: 6 })
  assert.is(kinds(events), 'start step estimates step step epoch step estimates step step epoch end')
  assert.equal([end(events).reason, end(events).epochs], ['steps', 2])
  const whole = await all({ epochs: 2, maxSteps: 100, maxQueries: 1e9, maxSeconds: 1e6 })
  assert.equal([end(whole).reason, end(whole).steps], ['epochs', 6])
  assert.is((whole[0] as StartEvent).lastStep, 6)
})

test('a limit in the first epoch: the best evaluation is the only one', async () => {
  const { best, testLoss, testAccuracy, epochs } = end(await all({ maxSteps: 1 }))
  assert.equal([best, epochs], [{ epoch: 1, testLoss, testAccuracy }, 0])
})

test('queries: after the step that reaches them; central steps count twice', async () => {
  const events = await all({ maxQueries: 3 * perStep + 1, scheme: 'central' })
  const { reason, steps, queries } = end(events)
  assert.equal([reason, steps, queries], ['queries', 2, 4 * perStep])
  assert.is((events[0] as StartEvent).lastStep, 2)
})

test('seconds: training time, summed over resumes', async () => {
  const run = fresh()
  const first = await all({ maxSeconds: 1e-9, run })
  assert.equal([end(first).reason, end(first).steps], ['seconds', 1])
  assert.is((first[0] as StartEvent).secondsLeft, 1e-9)
  const second = await all({ maxSeconds: 1e-9, run, resume: true })
  assert.is(kinds(second), 'start end')
  assert.is((second[0] as StartEvent).secondsLeft, 0)
  assert.equal([end(second).reason, end(second).steps], ['seconds', 1])
  const { spent } = JSON.parse(readFileSync(join(run, 'checkpoints', '1', 'state.json'), 'utf8'))
  assert.ok(spent.seconds > 1e-9)
})

test('stopped and resumed with larger limits, then without: the same bits as in one go', async () => {
  const [whole, run] = [fresh(), fresh()]
  const options = { sparsity: 0.5, refreshSteps: 4 }
  const expected = end(await all({ ...options, run: whole }))
  // In an epoch, at the end of one, in another; again the same, which adds nothing.
  for (const [maxSteps, steps] of [
    [2, 2],
    [6, 6],
    [7, 7],
    [7, 7],
  ] as const) {
    const part = end(await all({ ...options, maxSteps, run, resume: true }))
    assert.equal([part.reason, part.steps], ['steps', steps])
    assert.is((await readConfig(run))!.maxSteps, maxSteps)
  }
  const actual = end(await all({ ...options, run, resume: true }))
  assert.equal(actual.parameters, expected.parameters)
  assert.equal(actual.buffers, expected.buffers)
  assert.equal(actual.best, expected.best)
  assert.equal([actual.reason, actual.queries], ['epochs', expected.queries])
  assert.equal(timeless(run), timeless(whole))
  assert.is((await readConfig(run))!.maxSteps, 0)
})

test('killed between the last step of an epoch and its evaluation: a reached limit does not skip the epoch', async () => {
  const run = fresh()
  for await (const event of train(network, data, { ...tiny, maxSteps: 3, run })) {
    if (event.type === 'step' && event.step === 3) break
  }
  assert.match(readFileSync(join(run, 'latest'), 'utf8'), /3-unevaluated/)
  const events = await all({ maxSteps: 3, run, resume: true })
  assert.is(kinds(events), 'start epoch checkpoint end')
  assert.equal([end(events).reason, end(events).epochs], ['steps', 1])
})

test('limits by themselves', () => {
  const none = { maxSteps: 0, maxQueries: 0, maxSeconds: 0 }
  const spent = { queries: 100, seconds: 2 }
  assert.is(reachedLimit(none, 10, spent), null)
  assert.is(reachedLimit({ ...none, maxQueries: 101 }, 10, spent), null)
  assert.is(reachedLimit({ ...none, maxQueries: 100 }, 10, spent), 'queries')
  assert.is(reachedLimit({ ...none, maxSeconds: 2 }, 10, spent), 'seconds')
  assert.is(reachedLimit({ maxSteps: 10, maxQueries: 1, maxSeconds: 1 }, 10, spent), 'steps')
  assert.is(lastStep(none, 40, 10, spent, 10), 40)
  assert.is(lastStep({ ...none, maxQueries: 141 }, 40, 10, spent, 10), 15)
  assert.is(lastStep({ ...none, maxSteps: 12, maxQueries: 141 }, 40, 10, spent, 10), 12)
  assert.is(lastStep({ ...none, maxQueries: 50 }, 40, 10, spent, 10), 10)
})

test.run()
