// The command line as a person meets it: exit codes, one-line errors, layers of options, Ctrl-C, disk full.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupOf } from '../lib/cli/option-groups.ts'
import { resolveTraining, trainTable } from '../lib/cli/train.ts'
import { presets } from '../lib/presets.ts'
import { duration } from '../lib/report/format.ts'
import { readMetrics } from '../lib/runs/metrics.ts'
import { readSafetensors, writeSafetensors } from '../lib/safetensors.ts'
import { resolveOptions } from '../lib/training/options.ts'
import { deepzero, main, refused } from './fixtures/command.ts'
import { rejects } from './fixtures/rejects.ts'
import { skip } from './fixtures/skip.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-cli-'))
let runs = 0
const fresh = (): string => join(folder, `run-${++runs}`)

const tiny = [
  ...['--network', 'cnn-1x2', '--data', 'builtin', '--train-images', '40', '--test-images', '20'],
  ...['--batch-size', '20', '--epochs', '2', '--threads', '1'],
]

test('train, eval of its weights, resume of what is done', () => {
  const run = fresh()
  const trained = deepzero('train', ...tiny, '--run', run)
  assert.is(trained.code, 0, trained.err)
  assert.match(trained.out, /cnn-1x2 on builtin: 90 parameters/)
  assert.match(trained.out, /epoch 2\/2 .* test loss \d/)
  const epoch = readMetrics(run).at(-1)!
  const weights = join(run, 'checkpoints', '4', 'model.safetensors')
  const evaluated = deepzero(
    'eval',
    '--weights',
    weights,
    '--data',
    'builtin',
    '--test-images',
    '20',
    '--json',
  )
  assert.is(evaluated.code, 0, evaluated.err)
  const { loss, accuracy, images, normalisedBy } = JSON.parse(evaluated.out)
  assert.equal([loss, accuracy, images, normalisedBy], [epoch.testLoss, epoch.testAccuracy, 20, 'weights'])
  assert.match(
    deepzero('eval', '--weights', weights, '--test-images', '20').out,
    /accuracy \d.*loss \d\.\d+\n$/,
  )

  const again = deepzero('train', '--run', run, '--resume')
  assert.is(again.code, 0, again.err)
  assert.match(again.out, /resumed after step 4/)
  refused(2, /holds a run already/, 'train', ...tiny, '--run', run)
  refused(2, /lr was 0\.1, now 0\.2;/, 'train', '--run', run, '--resume', '--lr', '0.2')
  const other = deepzero(
    'train',
    '--config',
    join(run, 'config.json'),
    '--seed',
    '2',
    '--run',
    fresh(),
    '--json',
  )
  assert.is(other.code, 0, other.err)
  const events = other.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.is(events[0].type, 'start')
  assert.is(events.at(-1).type, 'end')
})

test('mistakes: exit code 2 and one line', () => {
  refused(2, /unknown option '--epocs'; did you mean --epochs\?/, 'train', '--epocs', '3')
  refused(2, /unknown command 'trian'; did you mean train\?/, 'trian')
  refused(2, /--network: expected the name of a network/, 'train')
  refused(2, /unknown network 'resnet21'; did you mean 'resnet20'/, 'train', '--network', 'resnet21')
  refused(2, /--lr: expected a number, received 'fast'/, 'train', '--lr', 'fast')
  refused(2, /--mu: expected a finite number .* received 0/, 'train', ...tiny, '--mu', '0')
  refused(2, /--sparsity: expected a finite number .* received 1\n/, 'train', ...tiny, '--sparsity', '1')
  refused(2, /--sparsity.* received -1/, 'train', ...tiny, '--sparsity', '-1')
  refused(
    2,
    /--batch-size: expected an integer at least 2, received 1/,
    'train',
    ...tiny,
    '--batch-size',
    '1',
  )
  refused(2, /--schedule: expected .* did you mean 'cosine'/, 'train', ...tiny, '--schedule', 'cosinus')
  refused(2, /argument missing/, 'train', '--lr')
  refused(2, /--devices: expected an integer from 0 to 1023, received -1/, 'train', ...tiny, '--devices=0,-1')
  refused(
    2,
    /--devices: expected to be left out unless --device is 'auto' or 'cuda'/,
    'train',
    ...tiny,
    ...['--device', 'cpu', '--devices', '0'],
  )
  refused(2, /too many arguments/, 'train', 'resnet20')
  refused(2, /unknown preset 'paper-cnn-6'; did you mean 'paper-cnn-1'/, 'train', '--preset', 'paper-cnn-6')
  refused(2, /--run: expected the run directory to resume/, 'train', ...tiny, '--resume')
  refused(2, /--weights/, 'eval')
  refused(2, /does not exist/, 'eval', '--weights', join(folder, 'nothing.safetensors'))
  refused(2, /--network/, 'gradcheck')
  refused(2, /--mu: expected .* received 0/, 'gradcheck', '--network', 'cnn-1x2', '--mu', '0')
  refused(
    2,
    /f32.*received 'f16'/,
    'gradcheck',
    '--network',
    'cnn-1x2',
    ...['--precision', 'f16', '--device', 'cpu'],
  )
  refused(2, /does not exist/, 'gradcheck', '--network', 'cnn-1x2', '--reference', join(folder, 'case'))
  refused(2, /unknown option '--jsn'/, 'doctor', '--jsn')
})

test('the machine: exit code 3', () => {
  refused(3, /cannot be created/, 'train', ...tiny, '--run', '/dev/null/run')
})

test('DEEPZERO_DEBUG=1 shows the stack', () => {
  const { stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', main, 'train'], {
    encoding: 'utf8',
    env: { ...process.env, DEEPZERO_DEBUG: '1' },
  })
  assert.is(status, 2)
  assert.match(stderr, /\n {4}at /)
})

test('data: truncated, of a wrong size, labels out of range', () => {
  const data = join(folder, 'data')
  mkdirSync(data)
  const flags = ['train', '--network', 'cnn-1x2', '--data', data, '--epochs', '1']
  refused(2, /data/, ...flags)
  writeFileSync(join(data, 'batches.meta.txt'), 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n')
  const records = (count: number, label = 3): Buffer => {
    const bytes = Buffer.alloc(3073 * count, 100)
    for (let i = 0; i < count; i++) bytes[3073 * i] = label
    return bytes
  }
  writeFileSync(join(data, 'data_batch_1.bin'), records(10))
  writeFileSync(join(data, 'test_batch.bin'), records(4))
  truncateSync(join(data, 'test_batch.bin'), 5000)
  refused(2, /test_batch\.bin: .* 5000 bytes/, ...flags)
  writeFileSync(join(data, 'test_batch.bin'), records(4, 12))
  refused(2, /test_batch\.bin: .* received 12/, ...flags)
  writeFileSync(join(data, 'test_batch.bin'), records(4))
  refused(2, /--train-images: expected at most the 10 images/, ...flags, '--train-images', '11')
  const good = deepzero(...flags)
  assert.is(good.code, 0, good.err)
})

test('weights: of another network, or not numbers', async () => {
  const run = fresh()
  assert.is(deepzero('train', ...tiny, '--epochs', '1', '--run', run).code, 0)
  const weights = join(run, 'checkpoints', '2', 'model.safetensors')
  refused(2, /not the weights of resnet8/, 'eval', '--network', 'resnet8', '--weights', weights)
  const { tensors, metadata } = await readSafetensors(weights)
  const { normalisation: _, ...without } = metadata
  const bare = join(folder, 'bare.safetensors')
  await writeSafetensors(bare, tensors, without)
  assert.match(
    deepzero('eval', '--weights', bare, '--test-images', '20').out,
    /\nimages are normalised as builtin is; .*bare\.safetensors does not say how\n$/,
  )
  ;(tensors.get('fc.bias')!.data as Float32Array)[0] = Number.NaN
  const broken = join(folder, 'nan.safetensors')
  await writeSafetensors(broken, tensors, metadata)
  refused(2, /NaN in fc\.bias/, 'eval', '--weights', broken)
  refused(2, /NaN in fc\.bias/, 'train', ...tiny, '--weights', broken)
})

test('divergence: exit code 1, says at which step, keeps the last good checkpoint', () => {
  const run = fresh()
  refused(
    1,
    /stopped at step \d of 4: .* last good checkpoint is /,
    'train',
    ...tiny,
    '--lr',
    '1e30',
    '--run',
    run,
  )
  assert.ok(existsSync(join(run, readFileSync(join(run, 'latest'), 'utf8').trim(), 'model.safetensors')))
})

test('configuration file: unknown keys are refused with the nearest one, flags win', async () => {
  const file = join(folder, 'config.json')
  const write = (config: unknown): void => writeFileSync(file, JSON.stringify(config))
  write({ preset: 'paper-cnn-1', network: 'resnet20', lr: 0.5, epochs: 7, data: 'builtin' })
  const { settings, source, preset } = await resolveTraining({ config: file, epochs: 9 })
  assert.equal([source.network, settings.lr, settings.epochs, settings.mu], ['resnet20', 0.5, 9, 5e-3])
  assert.is(preset, 'paper-cnn-1')
  write({ learningRate: 1 })
  await rejects(
    resolveTraining({ config: file }),
    'ERR_UNKNOWN_OPTION',
    /config\.json: unknown option 'learningRate'/,
  )
  write({ batchsize: 1 })
  await rejects(resolveTraining({ config: file }), 'ERR_UNKNOWN_OPTION', /did you mean 'batchSize'/)
  write({ lr: 'fast' })
  await rejects(
    resolveTraining({ config: file }),
    'ERR_INVALID_ARGUMENT',
    /config\.json\.lr: expected .* 'fast'/,
  )
  writeFileSync(file, '{')
  await rejects(resolveTraining({ config: file }), 'ERR_INVALID_ARGUMENT', /expected JSON/)
  await rejects(resolveTraining({ config: join(folder, 'none.json') }), 'ERR_FILE', /does not exist/)
})

test('a preset without data of its own asks for them: the built-in images are taken only where they are named', async () => {
  refused(
    2,
    /--data: expected .* of the data set that the preset paper-cnn-1/,
    'train',
    '--preset',
    'paper-cnn-1',
  )
  for (const [name, { options }] of Object.entries(presets)) {
    if (options.data === undefined)
      await rejects(resolveTraining({ preset: name }), 'ERR_INVALID_ARGUMENT', /^--data: expected /)
    else assert.is((await resolveTraining({ preset: name })).source.data, options.data)
    assert.is((await resolveTraining({ preset: name, data: 'builtin' })).source.data, 'builtin')
  }
})

test('presets are made of options that exist', () => {
  for (const [name, { options, description }] of Object.entries(presets)) {
    assert.ok(description.length > 0)
    const resolved = resolveOptions(trainTable, options, name)
    for (const [option, value] of Object.entries(options)) {
      assert.is(resolved[option as keyof typeof resolved], value)
    }
  }
})

test('help shows every option with its default; durations read well', () => {
  const { code, out } = deepzero('train', '--help')
  assert.is(code, 0)
  for (const flag of [
    '--network',
    '--data',
    '--epochs',
    '--batch-size',
    '--lr',
    '--mu',
    '--sparsity',
    '--seed',
    '--threads',
    '--run',
    '--resume',
    '--preset',
    '--config',
  ]) {
    assert.ok(out.includes(`${flag} `), flag)
  }
  assert.match(out, /--mu <X\|lr> [^-]*\(default\s+0\.0001\)/)
  assert.match(out, /--prune <METHOD> [^<]*\(none,\s+zo-grasp, [^<]*default none\)/)
  assert.match(out, /--no-augment +Do not pad, crop and flip/)
  assert.match(deepzero('watch', '--help').out, /--port <N> [^<]*\(default\s+8476\)/)
  assert.is(deepzero('--version').out.trim(), '0.1.0')
  assert.is(deepzero().code, 2)
  assert.equal([1.25, 59.6, 95, 3725].map(duration), ['1.3 s', '1 m 0 s', '1 m 35 s', '1 h 2 m'])
})

test('help fits 80 columns, and the options of train are in groups', () => {
  const commands = [...deepzero('--help').out.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => [
    name!,
  ])
  assert.ok(commands.length >= 10)
  for (const command of [[], ...commands, ['data'], ['data', 'fetch'], ['data', 'inspect']]) {
    const { code, out } = deepzero(...command, '--help')
    assert.is(code, 0)
    assert.equal(
      out.split('\n').filter((line) => [...line].length > 80),
      [],
    )
  }
  const ungrouped = Object.keys(trainTable).filter((name) => groupOf(name) === undefined)
  assert.equal(ungrouped, [])
})

test("doctor takes a bad DEEPZERO_MAX_ISA for what it is: a user's mistake", () => {
  process.env.DEEPZERO_MAX_ISA = 'avx'
  try {
    refused(2, /expected scalar, avx2 or avx512, received "avx"/, 'doctor')
  } finally {
    delete process.env.DEEPZERO_MAX_ISA
  }
})

test('doctor says what computes and why', () => {
  const { code, out } = deepzero('doctor', '--json')
  assert.is(code, 0)
  const facts = JSON.parse(out)
  assert.ok(facts.instructionSets.includes('scalar'))
  assert.ok(facts.device === 'cuda' || facts.instructionSets.includes(facts.isa))
  assert.match(facts.binary, /\.node$/)
})

/** Starts a long run and waits for its first step. */
async function startLong(
  run: string,
): Promise<{ pid: number; ended: Promise<[number | null, string]>; kill(): void }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', main, 'train', ...tiny, '--epochs', '100000', '--run', run],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, npm_lifecycle_event: '' } },
  )
  let out = ''
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  const ended = new Promise<[number | null, string]>((resolve) =>
    child.on('close', (code) => resolve([code, out])),
  )
  while (!out.includes('epoch 1/')) await new Promise((resolve) => setTimeout(resolve, 20))
  return { pid: child.pid!, ended, kill: () => child.kill('SIGINT') }
}

test('Ctrl-C: a checkpoint, how to resume, exit code 130; meanwhile nobody else gets the directory', async () => {
  const run = fresh()
  const long = await startLong(run)
  try {
    refused(2, new RegExp(`process ${long.pid} `), 'train', '--run', run, '--resume')
  } finally {
    long.kill()
  }
  const [code, out] = await long.ended
  assert.is(code, 130)
  assert.ok(out.includes(`deepzero train --run ${run} --resume`), out)
  assert.not.ok(existsSync(join(run, 'lock')))
  const steps = readMetrics(run).filter(({ type }) => type === 'step').length
  assert.match(
    readFileSync(join(run, 'latest'), 'utf8'),
    new RegExp(`^checkpoints/${steps}(-unevaluated)?\n`),
  )
})

test('Ctrl-C: the second one leaves at once', async () => {
  const module = JSON.stringify(new URL('../lib/cli/interrupt.ts', import.meta.url).href)
  const stuck = `import { onInterrupt } from ${module}
    onInterrupt(() => console.log('first'))
    setInterval(() => {}, 1000)
    console.log('ready')`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', stuck], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seen: string[] = []
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    seen.push(text.trim())
    child.kill('SIGINT')
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.is(code, 130)
  assert.equal(seen, ['ready', 'first'])
})

test('disk full: exit code 3, the previous checkpoint stays', () => {
  if (process.platform !== 'linux') return skip('no file size limit to stand for a full disk')
  const run = fresh()
  // A limit on the size of files, in blocks of 1024 bytes, takes the part of the full disk: metrics.jsonl reaches it.
  const { status, stderr } = spawnSync(
    'bash',
    [
      '-c',
      'ulimit -f 24; exec "$@"',
      'bash',
      process.execPath,
      '--import',
      'tsx',
      main,
      'train',
      ...tiny,
    ].concat(['--epochs', '10000', '--run', run]),
    { encoding: 'utf8', env: { ...process.env, TSX_DISABLE_CACHE: '1', FORCE_COLOR: '0' } },
  )
  assert.is(status, 3, stderr)
  assert.match(stderr, /^deepzero: .*metrics\.jsonl: cannot be written: .*\n$/)
  assert.ok(statSync(join(run, 'metrics.jsonl')).size <= 24 * 1024)
  const latest = readFileSync(join(run, 'latest'), 'utf8').trim()
  const { code, out } = deepzero('eval', '--weights', join(run, latest, 'model.safetensors'), '--json')
  assert.is(code, 0)
  assert.ok(Number.isFinite(JSON.parse(out).loss))
})

test.run()
