// What is shown and told within a piece of work: the option onProgress, and the terminal while a step takes minutes.
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { evaluateTable, runEvaluate } from '../lib/cli/evaluate.ts'
import { gradcheckTable, runGradcheck } from '../lib/cli/gradcheck.ts'
import { timer } from '../lib/cli/progress.ts'
import { makeReport } from '../lib/cli/report.ts'
import { builtin } from '../lib/data/builtin.ts'
import { blackBoxHead } from '../lib/estimators/black-box-head.ts'
import { estimatorCosines } from '../lib/gradcheck/cosines.ts'
import { checkRandom, checkReference } from '../lib/gradcheck/gradcheck.ts'
import type { Reference } from '../lib/gradcheck/reference.ts'
import { saveModel } from '../lib/model.ts'
import { networkByName } from '../lib/networks/index.ts'
import { createSession } from '../lib/session.ts'
import { evaluate } from '../lib/training/evaluate.ts'
import type { StartEvent, StepEvent } from '../lib/training/events.ts'
import { resolveOptions } from '../lib/training/options.ts'
import { planTraining } from '../lib/training/plan.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

const data = builtin({ train: 40, test: 25 })
const network = networkByName('cnn-1x2', { seed: 5 })
const tiny = { epochs: 1, batchSize: 20, augment: false, threads: 1 } as const

type Told = [done: number, total: number][]
const listener = (): { told: Told; onProgress: (done: number, total: number) => void } => {
  const told: Told = []
  return { told, onProgress: (done, total) => void told.push([done, total]) }
}

/** From the first to the last of one piece of work, never back. */
function whole(told: Told, total: number, what: string): void {
  assert.ok(told.length > 0, what)
  assert.equal(told.at(-1), [total, total], what)
  told.forEach(([done, all], i) => {
    assert.is(all, total, what)
    assert.ok(
      done >= 0 && done >= (told[i - 1]?.[0] ?? 0) && done <= total,
      `${what}: ${JSON.stringify(told)}`,
    )
  })
}

const ways: Readonly<Record<string, TrainOptions>> = {
  cge: {},
  central: { scheme: 'central', sparsity: 0.5 },
  rge: { estimator: 'rge', queries: 7, scheme: 'central' },
  head: { head: blackBoxHead((outputs) => outputs.reduce((sum, x) => sum + x * x, 0)), scheme: 'central' },
}

for (const [name, way] of Object.entries(ways)) {
  test(`train, ${name}: a step tells its queries, from none to all`, async () => {
    const { told, onProgress } = listener()
    for await (const event of train(network, data, { ...tiny, ...way, onProgress })) {
      if (event.type !== 'step') continue
      assert.equal(told[0], [0, event.queries])
      // The step that follows is not at work before it is asked for.
      whole(told.splice(0), event.queries, name)
    }
  })
}

test('train: what onProgress throws ends it, and the last checkpoint stays the last', async () => {
  const run = join(mkdtempSync(join(tmpdir(), 'deepzero-progress-')), 'run')
  const mine = new Error('mine')
  let steps = 0
  const onProgress = (done: number): void => {
    if (done === 0 && ++steps === 2) throw mine
  }
  try {
    for await (const _ of train(network, data, { ...tiny, run, onProgress })) {
    }
    assert.unreachable()
  } catch (error) {
    assert.is(error, mine)
  }
  assert.equal(readdirSync(join(run, 'checkpoints')), ['0'])
  assert.not.ok(existsSync(join(run, 'lock')))
})

test('evaluate tells images', async () => {
  using session = createSession(network, { threads: 1 })
  const { told, onProgress } = listener()
  await evaluate(session, data.test, { batchSize: 10, onProgress })
  assert.equal(told, [
    [10, 25],
    [20, 25],
    [25, 25],
  ])
})

test('planTraining tells the queries of a sample', async () => {
  const { told, onProgress } = listener()
  await planTraining(network, data, { ...tiny, estimator: 'rge', queries: 1, onProgress })
  whole(told, 1, 'plan')
})

test('gradient checks tell the queries of all their estimates', async () => {
  const random = listener()
  await checkRandom(network, { threads: 1, onProgress: random.onProgress })
  // Two steps μ by two methods.
  const [, total] = random.told[0]!
  assert.is(total % 4, 0)
  whole(random.told, total, 'random')

  const { outputs, parameterCount, bufferCount } = network.layout
  const input = new Float32Array(2 * 3 * 32 * 32).fill(0.5).map((x, i) => x + (i % 7))
  const reference: Reference = {
    network,
    batch: { input, target: Int32Array.of(0, 1), count: 2 },
    coordinates: Uint32Array.of(0, 5, 9),
    gradient: new Float64Array(parameterCount).fill(1),
    logitsTrain: new Float64Array(2 * outputs),
    logitsEval: new Float64Array(2 * outputs),
    lossTrain: Float64Array.of(1),
    runningAfter: new Float64Array(bufferCount),
    cge: new Map([['1e-3', new Float64Array(3)]]),
  }
  const compared = listener()
  await checkReference(reference, { threads: 1, mu: 1e-4, onProgress: compared.onProgress })
  whole(compared.told, 6, 'reference')
  const cosines = listener()
  await estimatorCosines(reference, { threads: 1, queries: 2, onProgress: cosines.onProgress })
  whole(cosines.told, 3 + 4 * 2 * 2, 'cosines')
})

const start = {
  ...{ type: 'start', network: 'n', data: 'd', parameters: 9, coordinates: 9, queries: 9, trainImages: 9 },
  ...{ testImages: 9, epochs: 1, stepsPerEpoch: 5, lastStep: 5, secondsLeft: null, device: 'cpu' },
  ...{ isa: 'scalar', reason: '', threads: 1, run: null, step: 0 },
} as const satisfies StartEvent
const step = {
  ...{ type: 'step', epoch: 1, step: 1, loss: 2, accuracy: 0.5, lr: 1, mu: 1, gradientNorm: 1 },
  ...{ queries: 400, seconds: 40, waited: 0, queriesPerSecond: 10 },
} as const satisfies StepEvent

/** A report on a clock of its own, and what it has written since one last looked. */
function reportOn(isTTY: boolean, columns = 80) {
  let [time, text] = [0, '']
  const write = (chunk: string): boolean => {
    text += chunk
    return true
  }
  const report = makeReport(false, { isTTY, columns, write } as never, () => time)
  report.show(start)
  text = ''
  return {
    report,
    after: (seconds: number): void => {
      time += 1000 * seconds
    },
    written: (): string => {
      const since = text
      text = ''
      return since
    },
  }
}

test('the time that is left goes by the later half of the time so far', () => {
  let time = 0
  const left = timer(() => 1000 * time)
  const at = (seconds: number, share: number): string => {
    time = seconds
    return left(share)
  }
  assert.is(at(0, 0), '…')
  assert.is(at(10, 0.1), '1 m 30 s')
  assert.is(at(20, 0.2), '1 m 20 s')
  assert.is(at(30, 0.6), '16 s')
  assert.is(at(50, 1), '0.0 s')
})

test('the first lines say what a step estimates, and with how many queries where those differ', () => {
  const said = (coordinates: number, queries: number): string => {
    let text = ''
    const write = (chunk: string): boolean => {
      text += chunk
      return true
    }
    makeReport(false, { isTTY: false, write } as never).show({ ...start, coordinates, queries })
    return text
  }
  assert.match(said(9, 9), /9 parameters, 9 queried per step; /)
  assert.match(said(9, 18), /9 parameters, 9 estimated with 18 queries per step; /)
  assert.match(said(9, 1), /9 estimated with 1 query per step; /)
})

test('plain output: a line within a step, at most every ten seconds', () => {
  const { report, after, written } = reportOn(false)
  report.within(0, 400)
  after(9)
  report.within(90, 400)
  assert.is(written(), '')
  after(1)
  report.within(100, 400)
  // A step takes 40 s at this rate, and there are five.
  assert.is(written(), 'step 1/5  100 of 400 queries  10 queries/s, 3 m 10 s left\n')
  after(9)
  report.within(190, 400)
  assert.is(written(), '')
  after(21)
  report.show(step)
  assert.is(written(), 'step 1/5  loss 2.0000 accuracy 50.00 %  10 queries/s, 2 m 40 s left\n')
  report.within(0, 400)
  after(20)
  report.within(200, 400)
  assert.is(written(), 'step 2/5  200 of 400 queries  10 queries/s, 2 m 20 s left\n')
})

test('a terminal: the bar is there when a step begins, and moves within it', () => {
  const { report, after, written } = reportOn(true)
  report.within(0, 400)
  assert.match(written(), 'step ')
  after(10)
  report.within(100, 400)
  report.close()
  assert.match(written(), /step 1\/5 \|.*\| 100\/400 {2}10 queries\/s {2}3 m 10 s left/)
  report.show(step)
  report.within(200, 400)
  report.close()
  assert.match(written(), /step 2\/5 \|.*\| 200\/400 {2}.* left {2}loss 2\.0000/)
})

test('eval and gradcheck show a bar on a terminal behind standard error, and nothing elsewhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-progress-'))
  const weights = join(folder, 'w.safetensors')
  await saveModel(weights, network)
  const commands = {
    eval: () => runEvaluate(resolveOptions(evaluateTable, { weights, testImages: 20, threads: 1 })),
    gradcheck: () => runGradcheck(resolveOptions(gradcheckTable, { network: 'cnn-1x2', threads: 1 })),
  }
  const { stderr } = process
  const [isTTY, write] = [stderr.isTTY, stderr.write]
  for (const [name, command] of Object.entries(commands)) {
    for (const terminal of [true, false]) {
      let text = ''
      stderr.isTTY = terminal
      stderr.write = (chunk: unknown): boolean => {
        text += chunk
        return true
      }
      try {
        assert.is(await command(), 0)
      } finally {
        Object.assign(stderr, { isTTY, write })
      }
      if (terminal) assert.match(text, new RegExp(`${name} \\|.*100 %`))
      else assert.is(text, '')
    }
  }
})

test.run()
