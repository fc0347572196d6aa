// Reading a run tolerantly: metrics that grow, are cut back, or are damaged; how a run stands; what is missing.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LONGEST_LINE, MetricsFile } from '../lib/report/metrics-file.ts'
import { addLine, noRecords } from '../lib/report/records.ts'
import { distinctNames, RunReader, type RunView } from '../lib/report/run-reader.ts'
import { silenceOf } from '../lib/report/run-status.ts'
import { metricsLines, runDirectory } from './fixtures/run-directory.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'deepzero-records-'))
const step = (n: number, more: object = {}): string =>
  `${JSON.stringify({ type: 'step', epoch: 1, step: n, loss: 2, seconds: 1, ...more })}\n`

test('metrics are read as they grow, also in the middle of a line', () => {
  const run = folder()
  const path = join(run, 'metrics.jsonl')
  const file = new MetricsFile(run)
  assert.is(file.update(), true, 'missing')
  assert.is(file.failure?.code, 'ENOENT')
  assert.is(file.update(), false, 'still missing')
  const lines = step(1) + step(2, { note: 'é' })
  const bytes = Buffer.from(lines)
  for (let at = 0; at < bytes.length; at += 7) {
    appendFileSync(path, bytes.subarray(at, at + 7))
    assert.is(file.update(), true)
    assert.is(file.failure, null)
  }
  assert.is(file.update(), false)
  assert.equal(
    file.records.steps.map((record) => record.step),
    [1, 2],
  )
  assert.is(file.records.damaged, 0)
  assert.is(file.partial, false)
  appendFileSync(path, '{"type":"st')
  file.update()
  assert.is(file.partial, true)
  assert.is(file.records.damaged, 0, 'the line is not over')
})

test('a resumed run cuts the file back and appends: it is read anew, even where it is longer afterwards', () => {
  const run = folder()
  const path = join(run, 'metrics.jsonl')
  writeFileSync(path, step(1) + step(2) + step(3))
  const file = new MetricsFile(run)
  file.update()
  truncateSync(path, step(1).length)
  file.update()
  assert.is(file.records.steps.length, 1)
  // Between two looks: cut back, and grown beyond the place that was reached.
  truncateSync(path, 0)
  appendFileSync(path, step(1, { seconds: 4 }) + step(2, { seconds: 5 }) + step(3, { seconds: 6 }))
  file.update()
  assert.equal(
    file.records.steps.map(({ seconds }) => seconds),
    [4, 5, 6],
  )
  assert.is(file.records.damaged, 0)
})

test('damaged lines are counted, and the first is named', () => {
  const records = noRecords()
  const lines = [
    step(1),
    'no json',
    '[1]',
    '{"type":"step"}',
    '{"type":"step","step":1.5}',
    step(1),
    '{"type":"estimates","step":3,"layers":{}}',
    '{"step":9}',
    '{"type":"later kind","step":9}',
    '',
    '{"type":"epoch","step":4,"epoch":1,"testLoss":"2","testAccuracy":null}',
  ]
  for (const line of lines) addLine(records, line.trim())
  assert.is(records.damaged, 7)
  assert.equal(records.firstDamaged, { line: 2, why: 'it is no JSON' })
  assert.is(records.steps.length, 1)
  assert.ok(Number.isNaN(records.steps[0]!.accuracy), 'missing numbers are NaN')
  assert.ok(Number.isNaN(records.epochs[0]!.testLoss), 'a string is no number')
})

test('no text at all makes reading fail', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.json(), fc.constantFrom(...metricsLines({})))), (lines) => {
      const records = noRecords()
      for (const line of lines) addLine(records, line)
      const steps = records.steps.map((record) => record.step)
      assert.equal(
        steps,
        [...new Set(steps)].sort((a, b) => a - b),
      )
      assert.ok(records.damaged <= lines.length)
    }),
    { numRuns: 300 },
  )
})

test('a line without end does not fill the memory', () => {
  const run = folder()
  const path = join(run, 'metrics.jsonl')
  writeFileSync(path, step(1))
  appendFileSync(path, Buffer.alloc(LONGEST_LINE + (3 << 20), 'x'))
  appendFileSync(path, `\n${step(2)}`)
  const file = new MetricsFile(run)
  file.update()
  assert.is(file.records.steps.length, 2)
  assert.equal(file.records.firstDamaged, { line: 2, why: 'it is too long' })
})

const read = async (directory: string, now?: number): Promise<RunView> => new RunReader(directory).read(now)
const whats = ({ missing }: RunView): string[] => missing.map(({ what }) => what)

test('a whole run misses nothing', async () => {
  const run = await read(await runDirectory())
  assert.equal(run.missing, [])
  assert.equal(run.status, { kind: 'done', text: 'all 3 epochs are done' })
  assert.equal(
    [run.records.steps.length, run.records.epochs.length, run.records.estimates.length],
    [12, 3, 3],
  )
  assert.equal(run.weights, { path: 'checkpoints/12', step: 12 })
  assert.is(run.isa, 'avx2')
  assert.equal(
    run.layers?.map(({ keep, of }) => keep / of),
    [0.5, 0.5],
  )
})

test('each damaged or missing part is listed, and the rest is there', async () => {
  const damage = async (change: (run: string) => void): Promise<RunView> => {
    const run = await runDirectory()
    change(run)
    return read(run)
  }
  const config = await damage((run) => rmSync(join(run, 'config.json')))
  assert.equal(whats(config), ['configuration', 'layer ratios'])
  assert.is(config.records.epochs.length, 3)

  const broken = await damage((run) => writeFileSync(join(run, 'config.json'), '{"format":'))
  assert.match(broken.missing[0]!.why, /JSON/)
  const later = await damage((run) =>
    writeFileSync(join(run, 'config.json'), '{"format":"deepzero-run/9","lr":1}'),
  )
  assert.match(later.missing[0]!.why, /expected format deepzero-run\/2, received 'deepzero-run\/9'/)
  assert.is(later.config?.lr, 1)

  const metrics = await damage((run) => rmSync(join(run, 'metrics.jsonl')))
  assert.equal(whats(metrics), ['curves'])
  const empty = await damage((run) => writeFileSync(join(run, 'metrics.jsonl'), ''))
  assert.equal(whats(empty), ['curves of steps', 'results on the test split', 'heat map of estimates'])
  const cut = await damage((run) => {
    const text = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    writeFileSync(join(run, 'metrics.jsonl'), text.replace('"type":"epoch"', '"type":"epo'))
  })
  assert.match(cut.missing[0]!.why, /1 line is left out; line 6: it is no JSON/)
  assert.is(cut.records.epochs.length, 2)

  const checkpoints = await damage((run) => rmSync(join(run, 'checkpoints'), { recursive: true }))
  assert.equal(whats(checkpoints), ['weights', 'layer ratios'])
  const pointers = await damage((run) => {
    writeFileSync(join(run, 'best'), '../../../etc\n')
    writeFileSync(join(run, 'latest'), 'checkpoints/999\n')
  })
  assert.equal(pointers.weights, { path: 'checkpoints/12', step: 12 }, 'the newest that is there')
  const state = await damage((run) => writeFileSync(join(run, 'checkpoints/12/state.json'), 'null'))
  assert.equal(whats(state), ['device and progress'])
  const model = await damage((run) => truncateSync(join(run, 'checkpoints/12/model.safetensors'), 100))
  assert.equal(whats(model), ['layer ratios'])
})

test('a directory that holds no run is an error', async () => {
  const empty = folder()
  assert.throws(() => new RunReader(empty), /expected a run directory .*metrics\.jsonl, checkpoints$/)
  assert.throws(() => new RunReader(join(empty, 'none')), /it does not exist/)
  writeFileSync(join(empty, 'file'), '')
  assert.throws(() => new RunReader(join(empty, 'file')), /received a file/)
  mkdirSync(join(empty, 'checkpoints'))
  const run = await read(empty)
  assert.is(run.status.kind, 'unknown')
  const above = folder()
  for (const name of ['a', 'b']) mkdirSync(join(above, name, 'checkpoints'), { recursive: true })
  mkdirSync(join(above, 'c'))
  assert.throws(
    () => new RunReader(above),
    new RegExp(`; it is a folder of runs: name those you mean, such as ${join(above, '[ab]')}$`),
  )
})

test('how a run stands', async () => {
  const lock = (run: string, holder: object): void =>
    writeFileSync(join(run, 'lock'), JSON.stringify({ host: hostname(), started: null, ...holder }))
  const going = await runDirectory({ config: { epochs: 9 }, weights: false })
  assert.is((await read(going)).status.kind, 'stopped')

  lock(going, { pid: process.pid })
  const changed = Date.now()
  utimesSync(join(going, 'metrics.jsonl'), changed / 1000, changed / 1000)
  assert.is((await read(going, changed + 1000)).status.kind, 'running')
  const silent = await read(going, changed + 61_000)
  assert.is(silent.status.kind, 'silent')
  assert.match(silent.status.text, /no new line for 1 m 1 s/)

  // The largest process id of Linux is below 2^22.
  lock(going, { pid: 2 ** 22 + 1 })
  assert.match((await read(going)).status.text, /is gone without an end/)
  lock(going, { pid: 1, host: `not ${hostname()}` })
  assert.is((await read(going, changed)).status.kind, 'running')
  assert.match((await read(going, changed + 1e6)).status.text, /cannot be told from here/)
  writeFileSync(join(going, 'lock'), 'half a lo')
  assert.is((await read(going, changed)).status.kind, 'running')

  rmSync(join(going, 'lock'))
  appendFileSync(join(going, 'metrics.jsonl'), step(100, { loss: null }))
  assert.match((await read(going)).status.text, /diverged/)
  for (const [limits, why] of [
    [{ maxSteps: 12 }, /limit of steps/],
    [{ maxQueries: 12 * 90 }, /limit of queries/],
    [{ maxSeconds: 0.2 }, /limit of time/],
  ] as const) {
    const { status } = await read(await runDirectory({ config: { epochs: 9, ...limits }, weights: false }))
    assert.is(status.kind, 'done')
    assert.match(status.text, why)
  }
})

test('slow steps and long evaluations are no silence', () => {
  const records = noRecords()
  assert.is(silenceOf(records), 60)
  addLine(records, step(1, { seconds: 30 }))
  assert.is(silenceOf(records), 300)
  addLine(records, JSON.stringify({ type: 'epoch', step: 1, epoch: 1, seconds: 130 }))
  assert.is(silenceOf(records), 1000)
})

test('names tell runs apart', () => {
  const names = (...directories: string[]): string[] =>
    distinctNames(directories.map((directory) => ({ directory, name: '' }) as RunView)).map(
      ({ name }) => name,
    )
  assert.equal(names('/a/b/run'), ['run'])
  assert.equal(names('/a/b/run', '/a/c/run', '/a/c/other'), ['b/run', 'c/run', 'other'])
  assert.equal(names('/a/run', '/a/run'), ['a/run', 'a/run'])
})

test.run()
