// Run directories on the command line: what --run and --resume refuse, moved files, and what stops a run from outside.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { callName, shellWord } from '../lib/cli/call.ts'
import { builtin } from '../lib/data/builtin.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { train } from '../lib/training/train.ts'
import { deepzero, environment, main, refused } from './fixtures/command.ts'
import { skip } from './fixtures/skip.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'deepzero-cli-run-')))
let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

const tiny = [
  ...['--network', 'cnn-1x2', '--data', 'builtin', '--train-images', '40', '--test-images', '20'],
  ...['--batch-size', '20', '--epochs', '2', '--threads', '1'],
]
const config = (run: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
const latest = (run: string): string => readFileSync(join(run, 'latest'), 'utf8').trim()

/** A finished run. */
function trained(...more: string[]): string {
  const run = fresh()
  const { code, err } = deepzero('train', ...tiny, '--run', run, ...more)
  assert.is(code, 0, err)
  return run
}

test('--weights: read at the start alone, by an absolute path; others are refused', () => {
  const weights = join(folder, 'w.safetensors')
  const first = trained()
  cpSync(join(first, latest(first), 'model.safetensors'), weights)
  const run = fresh()
  const command = ['--import', fileURLToPath(import.meta.resolve('tsx')), main, 'train', ...tiny]
  const { status, stderr } = spawnSync(
    process.execPath,
    command.concat(['--weights', 'w.safetensors', '--run', run, '--max-steps', '3']),
    { cwd: folder, encoding: 'utf8', env: environment() },
  )
  assert.is(status, 0, stderr)
  assert.is(config(run).weights, weights)
  renameSync(weights, join(folder, 'moved.safetensors'))
  const changed = ['--weights', join(folder, 'moved.safetensors')]
  refused(
    2,
    /weights was ".*w\.safetensors", now ".*moved.*"; leave/,
    'train',
    '--run',
    run,
    '--resume',
    ...changed,
  )
  // The same as before is fine, though it is gone: the checkpoint has weights of its own.
  for (const given of [['--weights', weights], []]) {
    const { code, err } = deepzero('train', '--run', run, '--resume', '--max-steps', '0', ...given)
    assert.is(code, 0, err)
  }
  assert.is(latest(run), 'checkpoints/4')
})

test('no run to resume, and one that is there already', () => {
  const nowhere = fresh()
  refused(2, / holds no run; check the path, or give/, 'train', '--run', nowhere, '--resume')
  assert.not.ok(existsSync(nowhere))
  const run = trained()
  const message = new RegExp(`${run} holds a run already; add --resume to go on with it`)
  refused(2, message, 'train', '--run', run)
  refused(2, message, 'train', '--run', run, '--dry-run')
  refused(2, message, 'train', ...tiny, '--run', run)
})

test('a run that a program started is gone on with there', async () => {
  const run = fresh()
  const data = builtin({ train: 20, test: 10 })
  const options = { epochs: 2, batchSize: 10, maxSteps: 1, run }
  for await (const _ of train(cnn(1, 2), data, options));
  refused(2, /was started by a program, .* \(resume: true\)/, 'train', '--run', run, '--resume')
})

test('checkpoints without `latest` or config.json are refused, and stay', () => {
  const run = trained()
  const before = readdirSync(join(run, 'checkpoints'))
  const pointer = readFileSync(join(run, 'latest'))
  rmSync(join(run, 'latest'))
  refused(2, /whole checkpoints: .*write checkpoints\/4 into/, 'train', '--run', run, '--resume')
  writeFileSync(join(run, 'latest'), pointer)
  rmSync(join(run, 'config.json'))
  refused(2, /expected the config\.json/, 'train', '--network', 'cnn-1x4', '--run', run, '--resume')
  assert.equal(readdirSync(join(run, 'checkpoints')), before)
})

test('a data folder that was moved is remembered; other data are named', () => {
  const [here, there] = [join(folder, 'm2'), join(folder, 'm3')]
  mkdirSync(here)
  writeFileSync(join(here, 'batches.meta.txt'), 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n')
  const records = (count: number, pixel: number): Buffer => {
    const bytes = Buffer.alloc(3073 * count, pixel)
    for (let i = 0; i < count; i++) bytes[3073 * i] = 3
    return bytes
  }
  writeFileSync(join(here, 'data_batch_1.bin'), records(40, 100))
  writeFileSync(join(here, 'test_batch.bin'), records(20, 100))
  const run = trained('--data', here, '--max-steps', '1')
  renameSync(here, there)
  for (const given of [['--data', there], []]) {
    const { code, err } = deepzero('train', '--run', run, '--resume', ...given)
    assert.is(code, 0, err)
    assert.is(config(run).data, there)
  }
  writeFileSync(join(there, 'data_batch_1.bin'), records(40, 101))
  refused(2, /the data is not the same \(data ".*m3"\); bring back/, 'train', '--run', run, '--resume')
  refused(
    2,
    /the data is not the same \(trainImages was 40, now 30\); leave/,
    ...['train', '--run', run, '--resume', '--train-images', '30'],
  )
})

interface Long {
  readonly child: ChildProcess
  readonly run: string
  /** Exit code, and what stands on stderr. */
  readonly ended: Promise<[number | null, string]>
}

/** A long run that has trained an epoch and writes a checkpoint only when an epoch ends. */
async function startLong(name?: string): Promise<Long> {
  const run = name ?? fresh()
  const flags = ['--epochs', '100000', '--checkpoint-every-steps', '1000', '--run', run]
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'train', ...tiny, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
  })
  let [out, err] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = new Promise<[number | null, string]>((resolve) =>
    child.on('close', (code) => resolve([code, out.includes('--resume') ? out : err])),
  )
  while (!out.includes('epoch 1/')) await new Promise((resolve) => setTimeout(resolve, 20))
  return { child, run, ended }
}

/** Stopped as by Ctrl-C: nothing of the metrics is lost, and the directory is free. */
function kept(run: string): void {
  assert.not.ok(existsSync(join(run, 'lock')))
  const text = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
  const steps = text.split('\n').filter((line) => line.includes('"type":"step"')).length
  assert.match(latest(run), new RegExp(`^checkpoints/${steps}(-unevaluated)?$`))
}

test('a reader that leaves stops training with a checkpoint, and the exit code tells', async () => {
  const { child, run, ended } = await startLong()
  child.stdout!.destroy()
  const [code, said] = await ended
  assert.is(code, 130)
  assert.match(said, /^training was stopped after step \d+; a checkpoint is written, go on with: .*\n$/)
  kept(run)
})

test('a closed terminal stops training with a checkpoint, and a second SIGHUP changes nothing', async () => {
  const { child, run, ended } = await startLong(join(folder, "a b's"))
  child.kill('SIGHUP')
  child.kill('SIGHUP')
  const [code, said] = await ended
  assert.is(code, 129)
  assert.ok(said.includes(`go on with: deepzero train --run '${folder}/a b'\\''s' --resume\n`), said)
  kept(run)
})

test('a standard output that takes nothing: exit code 3 and one line, in training also how to go on', () => {
  if (!existsSync('/dev/full')) return skip('no /dev/full to stand for a full disk')
  const full = openSync('/dev/full', 'w')
  const command = (...args: string[]): string => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, ...args], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
      env: environment(),
    })
    assert.is(status, 3, stderr)
    const [line, ...rest] = stderr.split('\n')
    assert.match(line!, /^deepzero: standard output: cannot be written: no space left on the disk; /)
    return rest.join('\n')
  }
  try {
    for (const more of [[], ['--json']]) {
      const run = fresh()
      const rest = command('train', ...tiny, '--epochs', '1000', '--run', run, ...more)
      assert.match(rest, /^training was stopped after step \d+; a checkpoint is written, go on with: .*\n$/)
      kept(run)
    }
    const run = trained()
    assert.is(command('eval', '--weights', join(run, latest(run), 'model.safetensors')), '')
    assert.is(command('--help'), '')
  } finally {
    closeSync(full)
  }
})

test('lines to copy: the call as it was made, and words in quotes where a shell needs them', () => {
  assert.is(callName(''), 'deepzero')
  assert.is(callName('npx'), 'npx deepzero')
  assert.is(callName('deepzero'), 'npm run deepzero --')
  assert.is(callName('demo'), 'npm run deepzero --')
  assert.is(callName('train'), 'deepzero')
  const words = ['runs/a', "runs/a b's", '$(ls)', 'ä', '', '~']
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\n' ${words.map(shellWord).join(' ')}`], {
    encoding: 'utf8',
  })
  assert.is(stdout, `${words.join('\n')}\n`)
  assert.is(shellWord('runs/a'), 'runs/a')
})

test.run()
