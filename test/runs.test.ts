// Run directories: lock, metrics, checkpoints, what is refused, what a killed process may leave behind.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs, {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '../lib/model.ts'
import { adamState } from '../lib/optimisers/adam.ts'
import { amsgradState } from '../lib/optimisers/amsgrad.ts'
import { RUN_FORMAT, readConfig } from '../lib/runs/config.ts'
import { takeLock } from '../lib/runs/lock.ts'
import { openMetrics, readMetrics } from '../lib/runs/metrics.ts'
import { Run } from '../lib/runs/run.ts'
import { fresh, network, options, progress, tensors } from './fixtures/plain-run.ts'
import { rejects } from './fixtures/rejects.ts'

test('lock: held by a living process, taken over from a dead one', () => {
  const directory = fresh()
  const lock = takeLock(directory)
  assert.throws(
    () => takeLock(directory),
    (error: Error) => {
      assert.match(error.message, `process ${process.pid}`)
      return true
    },
  )
  lock.release()
  assert.not.ok(existsSync(join(directory, 'lock')))

  const gone = spawnSync(process.execPath, ['-e', '0']).pid
  writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: gone, host: hostname(), started: null }))
  takeLock(directory).release()

  // A process of this number that started at another time is not the holder.
  if (existsSync('/proc/self/stat')) {
    writeFileSync(
      join(directory, 'lock'),
      JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }),
    )
    takeLock(directory).release()
  }
  writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: gone, host: 'elsewhere', started: null }))
  assert.throws(() => takeLock(directory), /elsewhere/)
  assert.equal(readdirSync(directory), ['lock'])
})

test('metrics: cut back to what a checkpoint counts, also through half a line', () => {
  const directory = fresh()
  const metrics = openMetrics(directory, 0)
  metrics.append({ step: 1 })
  const bytes = metrics.bytes
  metrics.append({ step: 2 })
  metrics.close()
  appendFileSync(join(directory, 'metrics.jsonl'), '{"step": 3, "lo')
  assert.equal(readMetrics(directory), [{ step: 1 }, { step: 2 }])
  const again = openMetrics(directory, bytes)
  again.append({ step: 'two' })
  again.close()
  assert.equal(readMetrics(directory), [{ step: 1 }, { step: 'two' }])
  assert.throws(() => openMetrics(directory, 1000), /at least the 1000 bytes/)
})

test('a checkpoint comes back bit for bit', async () => {
  const directory = join(fresh(), 'deep', 'run')
  const run = await Run.open(directory, options())
  run.record({ type: 'estimates', epoch: 1, step: 7, layers: [] })
  const written = tensors(1 / 3)
  const path = await run.checkpoint('7', progress(7), written)
  run.close()
  assert.is(path, join(directory, 'checkpoints', '7'))
  assert.equal((await loadModel(join(path, 'model.safetensors'))).parameters, written.parameters)

  const resumed = await Run.open(directory, options({ resume: true }))
  resumed.close()
  const { state, ...read } = resumed.resumed!
  const { metricsBytes, sha256, ...rest } = state
  assert.equal(read, written)
  assert.equal(rest, { format: 'deepzero-state/3', ...progress(7) })
  assert.is(metricsBytes, statSync(join(directory, 'metrics.jsonl')).size)
  for (const [name, hash] of Object.entries(sha256))
    assert.is(
      hash,
      createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex'),
    )
})

test("every vector of an optimiser's state comes back, and one that is missing is named", async () => {
  const directory = fresh()
  const state = adamState(network.parameters.length)
  const run = await Run.open(directory, options({ optimiser: state }))
  const optimiser = {
    first: state.first.map((_, i) => i / 3),
    second: state.second.map((_, i) => i / 7),
    updates: state.updates.map((_, i) => 2 ** 31 + i),
  }
  await run.checkpoint('0', progress(0), { ...tensors(0), optimiser })
  run.close()
  const resumed = await Run.open(directory, options({ optimiser: state, resume: true }))
  resumed.close()
  assert.equal(resumed.resumed!.optimiser, optimiser)
  const other = options({ optimiser: amsgradState(network.parameters.length), resume: true })
  await rejects(Run.open(directory, other), 'ERR_RUN', /expected largest\/conv_layers\.0\.weight/)
})

test('metrics are on the disk before a checkpoint counts them', async () => {
  const directory = join(fresh(), 'run')
  const run = await Run.open(directory, options())
  run.record({ type: 'estimates', epoch: 1, step: 7, layers: [] })
  const metrics = fs.statSync(join(directory, 'metrics.jsonl'))
  const { fsyncSync } = fs
  /** Bytes of the metrics that were put on the disk, and whether there was a checkpoint then. */
  const synced: [number, boolean][] = []
  fs.fsyncSync = (file) => {
    const { ino, size } = fs.fstatSync(file)
    if (ino === metrics.ino) synced.push([size, existsSync(join(directory, 'checkpoints', '7'))])
    fsyncSync(file)
  }
  syncBuiltinESMExports()
  try {
    await run.checkpoint('7', progress(7), tensors(1))
  } finally {
    fs.fsyncSync = fsyncSync
    syncBuiltinESMExports()
    run.close()
  }
  assert.ok(metrics.size > 0)
  assert.equal(synced, [[metrics.size, false]])
})

test('a resumed run records anew what does not decide', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options({ config: { ...options().config, data: 'd' } }))
  await run.checkpoint('0', progress(0), tensors(0))
  run.close()
  const config = { format: RUN_FORMAT, lr: 0.1, threads: 8 } as const
  ;(await Run.open(directory, options({ resume: true, config }))).close()
  assert.equal(await readConfig(directory), { ...config, data: 'd' })
})

test('keeps the newest and the best checkpoint', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options())
  for (const step of [0, 2, 4, 6, 8, 10])
    await run.checkpoint(String(step), progress(step, step >= 4 ? 4 : null), tensors(step))
  run.close()
  assert.equal(readdirSync(join(directory, 'checkpoints')).sort(), ['10', '4', '8'])
  assert.is(readFileSync(join(directory, 'latest'), 'utf8'), 'checkpoints/10\n')
  assert.is(readFileSync(join(directory, 'best'), 'utf8'), 'checkpoints/4\n')
})

test('goes back to the checkpoint before a bad one', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options())
  await run.checkpoint('0', progress(0), tensors(0))
  assert.is(await run.revert(), false)
  await run.checkpoint('2', progress(2), tensors(2))
  assert.is(await run.revert(), true)
  assert.is(run.latest, join(directory, 'checkpoints/0'))
  run.close()
  assert.equal(readdirSync(join(directory, 'checkpoints')), ['0'])
})

test('resume ignores what was written after `latest`, and sweeps it away', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options())
  await run.checkpoint('0', progress(0), tensors(0))
  await run.checkpoint('2', progress(2), tensors(2))
  const latest = readFileSync(join(directory, 'latest'))
  await run.checkpoint('4', progress(4), tensors(4))
  run.close()
  // As if killed between the rename of checkpoint 4 and that of `latest`, and in the middle of writing another.
  writeFileSync(join(directory, 'latest'), latest)
  mkdirSync(join(directory, 'checkpoints', '.writing-1'))
  writeFileSync(join(directory, 'latest.1.2.tmp'), 'half')
  const resumed = await Run.open(directory, options({ resume: true }))
  assert.is(resumed.resumed!.state.step, 2)
  assert.equal(readdirSync(join(directory, 'checkpoints')), ['2'])
  await resumed.checkpoint('4', progress(4), tensors(4))
  resumed.close()
  assert.equal(readdirSync(directory).sort(), ['checkpoints', 'config.json', 'latest', 'metrics.jsonl'])
})

test('resume does what a kill right after `latest` left undone: `best`, and checkpoints no longer kept', async () => {
  const directory = fresh()
  const keeping = await Run.open(directory, options({ keep: 9 }))
  for (const step of [0, 2, 4, 6]) {
    await keeping.checkpoint(String(step), progress(step, step === 6 ? 4 : 2), tensors(step))
  }
  keeping.close()
  writeFileSync(join(directory, 'best'), 'checkpoints/2\n')
  ;(await Run.open(directory, options({ resume: true, keep: 1 }))).close()
  assert.equal(readdirSync(join(directory, 'checkpoints')).sort(), ['4', '6'])
  assert.is(readFileSync(join(directory, 'best'), 'utf8'), 'checkpoints/4\n')
})

test('refuses a used directory, another configuration, another instruction set', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options())
  await rejects(Run.open(directory, options({ resume: true })), 'ERR_RUN', /process \d+/)
  await run.checkpoint('0', progress(0), tensors(0))
  run.close()
  await rejects(Run.open(directory, options()), 'ERR_RUN', /holds a run already/)
  const changed = { format: RUN_FORMAT, lr: 0.2, threads: 8 } as const
  await rejects(
    Run.open(directory, options({ resume: true, config: changed })),
    'ERR_RUN',
    /lr was 0.1, now 0.2;/,
  )
  await rejects(Run.open(directory, options({ resume: true, isa: 'avx2' })), 'ERR_RUN', /scalar, but avx2/)
  ;(await Run.open(directory, options({ resume: true, isa: 'avx2', force: true }))).close()
  const threads = { format: RUN_FORMAT, lr: 0.1, threads: 8 } as const
  ;(await Run.open(directory, options({ resume: true, config: threads }))).close()

  const strange = fresh()
  writeFileSync(join(strange, 'thesis.tex'), '')
  await rejects(Run.open(strange, options()), 'ERR_RUN', /thesis\.tex/)
  await rejects(Run.open(strange, options({ resume: true })), 'ERR_RUN', /thesis\.tex/)
  assert.equal(readdirSync(strange), ['thesis.tex'])
})

test('a configuration that cannot be read is no run to resume', async () => {
  const directory = fresh()
  mkdirSync(directory, { recursive: true })
  for (const [text, message] of [
    ['{"format":', /config\.json: expected JSON/],
    ['null', /expected a run of format deepzero-run\/\d+, received undefined/],
    ['{"format":"deepzero-run/0"}', /received 'deepzero-run\/0'/],
  ] as const) {
    writeFileSync(join(directory, 'config.json'), text)
    await rejects(Run.open(directory, options({ resume: true })), 'ERR_RUN', message)
  }
})

test('resuming nothing starts from the beginning', async () => {
  const directory = join(fresh(), 'new')
  const run = await Run.open(directory, options({ resume: true }))
  assert.is(run.resumed, null)
  run.close()
})

test.run()
