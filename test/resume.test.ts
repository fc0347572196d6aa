// A run killed with SIGKILL at 20 random instants and resumed each time ends with the same bits as one left alone.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readMetrics } from '../lib/runs/metrics.ts'
import { accumulate } from './fixtures/tensorboard.ts'

const KILLS = 20
const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))
const seed = Number(process.env.DEEPZERO_TEST_SEED ?? Date.now() % 1_000_000)
console.log(`resume.test.ts: DEEPZERO_TEST_SEED=${seed}`)

/** Uniform in [0, 1): mulberry32. */
let state = seed >>> 0
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const options = [
  ...['--network', 'cnn-1x4', '--data', 'builtin', '--train-images', '240', '--test-images', '60'],
  ...['--epochs', '4', '--batch-size', '20', '--lr', '0.01', '--sparsity', '0.5', '--refresh-epochs', '1'],
  ...[
    '--optimizer',
    'amsgrad',
    '--updates',
    'active',
    '--warmup-epochs',
    '0.5',
    '--checkpoint-every-steps',
    '3',
    '--seed',
    '7',
    '--tensorboard',
  ],
]

interface Started {
  readonly child: ChildProcess
  /** Exit code, or null when it was killed. */
  readonly ended: Promise<number | null>
  /** Step of the start event, or null when it ended before. */
  readonly begun: Promise<number | null>
}

function start(run: string, resume: boolean, threads: number): Started {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      main,
      'train',
      ...options,
      '--run',
      run,
      '--threads',
      String(threads),
      '--json',
    ].concat(resume ? ['--resume'] : []),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const begun = new Promise<number | null>((resolve) => {
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      const line = /^\{"type":"start".*\}$/m.exec(text)
      if (line) resolve(JSON.parse(line[0]).step)
    })
    child.on('close', () => resolve(null))
  })
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      if (code !== null && code !== 0) console.error(errors)
      resolve(code)
    })
  })
  return { child, ended, begun }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const timeless = (run: string): object[] =>
  readMetrics(run).map(({ seconds: _, queriesPerSecond: __, waited: ___, ...rest }) => rest)

/** Everything of a finished run that must not depend on kills. */
function result(run: string): Record<string, unknown> {
  const latest = readFileSync(join(run, 'latest'), 'utf8').trim()
  const bytes = (file: string): string => readFileSync(join(run, latest, file)).toString('base64')
  return {
    latest,
    best: readFileSync(join(run, 'best'), 'utf8'),
    checkpoints: readdirSync(join(run, 'checkpoints')).sort(),
    model: bytes('model.safetensors'),
    state: bytes('state.safetensors'),
    metrics: timeless(run),
    // What TensorBoard shows, all event files together.
    shown: [...accumulate(run)].filter(([tag]) => tag !== 'batch/queries_per_second'),
  }
}

test(`killed ${KILLS} times, the same bits`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-resume-'))
  const whole = join(folder, 'whole')
  const spawned = Date.now()
  const uninterrupted = start(whole, false, 2)
  assert.is(await uninterrupted.begun, 0)
  const startup = Date.now() - spawned
  assert.is(await uninterrupted.ended, 0)
  const training = Date.now() - spawned - startup
  const expected = result(whole)
  assert.is((expected.metrics as object[]).length, 4 * 12 + 4 + 4)

  let kills = 0
  let midway = 0
  let finished = 0
  for (let attempt = 0; kills < KILLS; attempt++) {
    const run = join(folder, `killed-${attempt}`)
    for (let begins = 0; ; begins++) {
      const { child, begun, ended } = start(run, true, 1 + Math.floor(3 * random()))
      // One kill in five while it starts up, makes the directory or reads the checkpoint; the others while it trains.
      const early = random() < 0.2
      const wait = random()
      if (kills < KILLS) {
        if (early) await sleep(wait * startup)
        else {
          const step = await begun
          if (step !== null && step > 0) midway++
          await sleep(wait * 0.5 * training)
        }
        child.kill('SIGKILL')
      }
      const code = await ended
      if (code === null) kills++
      if (code === 0) break
      assert.is(code, null, `run ${attempt}, begun ${begins} times: exit code ${code}`)
    }
    const actual = result(run)
    for (const key of Object.keys(expected))
      assert.equal(actual[key], expected[key], `${key} of run ${attempt}`)
    finished++
  }
  console.log(
    `resume.test.ts: ${kills} kills in ${finished} runs, ${midway} of them after a resume in mid-training`,
  )
  assert.ok(midway >= 3, `expected some kills after a resume in mid-training, had ${midway}`)
})

test.run()
