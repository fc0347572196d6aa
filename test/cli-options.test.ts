// Options of the command line that nothing would read are refused, and messages name the flag.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withFlag } from '../lib/cli/flags.ts'
import { DeepZeroError } from '../lib/errors.ts'
import { native } from '../lib/native.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { writeReport } from '../lib/report/write-report.ts'
import { createSession } from '../lib/session.ts'
import { resolveOptions } from '../lib/training/options.ts'
import { type DataSettings, dataOptions, openData } from '../lib/training/source.ts'
import { deepzero, refused } from './fixtures/command.ts'
import { rejects } from './fixtures/rejects.ts'
import { skip } from './fixtures/skip.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-options-'))
test.after(() => rmSync(folder, { recursive: true }))

const cifar = join(folder, 'cifar')
mkdirSync(cifar)
writeFileSync(join(cifar, 'batches.meta.txt'), 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n')
for (const file of ['data_batch_1.bin', 'test_batch.bin'])
  writeFileSync(join(cifar, file), Buffer.alloc(2 * 3073))

const open = (given: Partial<DataSettings>) => openData(resolveOptions(dataOptions, given))

test('options of folders are refused where the data set does not read them, by their flags', async () => {
  const invalid = (given: Partial<DataSettings>, message: RegExp) =>
    rejects(open(given), 'ERR_INVALID_ARGUMENT', message)
  await invalid({ labels: 'coarse' }, /^--labels: expected data with CIFAR-100.*builtin has generated images/)
  await invalid({ imageSize: 8 }, /^--image-size: expected data with images by class/)
  await invalid({ imageChannels: 1 }, /^--image-channels: /)
  await invalid({ dataCache: folder }, /^--data-cache: /)
  await invalid({ data: cifar, labels: 'coarse' }, /^--labels: .* has CIFAR-10/)
  await invalid({ data: cifar, imageSize: 8 }, /^--image-size: .* has CIFAR-10/)
  await invalid({ trainImages: 9_999_999_999 }, /^--train-images: expected an integer from 0 to 1000000/)
  await invalid({ testImages: 9_999_999_999 }, /^--test-images: /)
  assert.is((await open({ data: cifar })).train.count, 2)
  refused(2, /--image-size: expected data/, 'data', 'inspect', 'builtin', '--image-size', '8')
})

test('what the library calls by its name, the command line calls by its flag', () => {
  const told = (message: string, code = 'ERR_INVALID_ARGUMENT' as const) =>
    (withFlag(new DeepZeroError(code, message), ['precision', 'batchSize']) as Error).message
  assert.is(told("precision: expected 'f32'"), "--precision: expected 'f32'")
  assert.is(told('options.batchSize: expected 1'), '--batch-size: expected 1')
  assert.is(told('batch: expected 1'), 'batch: expected 1')
  assert.is(told('a/config.json: precision: expected 1'), 'a/config.json: precision: expected 1')
  const tiny = [
    'train',
    '--network',
    'cnn-1x2',
    '--train-images',
    '40',
    '--test-images',
    '20',
    '--batch-size',
    '20',
  ]
  refused(2, /^deepzero: --precision: expected 'f32' or/, ...tiny, '--precision', 'f16', '--device', 'cpu')
})

test('devices where the CPU is chosen', async () => {
  for (const [command, ...flags] of [['gradcheck', '--network', 'cnn-1x2'], ['eval']])
    refused(2, /--devices: expected to be left out/, command!, ...flags, '--device', 'cpu', '--devices', '0')
  if (native.cuda().devices.length > 0) return skip('there are CUDA devices')
  await rejects(
    (async (): Promise<unknown> => createSession(cnn(1, 2), { devices: [0] }))(),
    'ERR_DEVICE',
    /devices 0: expected CUDA/,
  )
})

test('options that belong to another one', () => {
  const gradcheck = ['gradcheck', '--network', 'cnn-1x2']
  refused(2, /--queries: expected to be left out unless --cosines is true/, ...gradcheck, '--queries', '5')
  const passes = ['--method', 'two-pass', '--precision', 'bf16']
  refused(2, /--precision: expected to be left out unless --method is 'propagation'/, ...gradcheck, ...passes)
  const report = ['report', folder, '--no-predictions']
  refused(2, /--data: expected to be left out/, ...report, '--data', 'builtin')
  refused(2, /--threads: .* unless --predictions is true/, ...report, '--threads', '2')
  refused(2, /--per-class: .* unless --sheet is given/, 'data', 'inspect', 'builtin', '--per-class', '3')
  refused(2, /--classes: .* unless --network is given/, 'export', 'a', '--onnx', 'b', '--classes', '3')
  refused(2, /--seed: .* left out with --reference/, ...gradcheck, '--reference', 'a', '--seed', '3')
})

test('data fetch: an address without a scheme, a file where the folder would be, a missing argument', () => {
  refused(
    2,
    /--from: expected an address .* received 'nonsense'/,
    'data',
    'fetch',
    'mnist',
    '--from',
    'nonsense',
  )
  const file = join(folder, 'file')
  writeFileSync(file, '')
  refused(2, /file: expected a folder .* but a file is there/, 'data', 'fetch', 'mnist', '--out', file)
  refused(2, /missing required argument 'name'; see deepzero data fetch --help/, 'data', 'fetch')
})

test('report and watch: data that is not there is a slip of who names it', async () => {
  const run = join(folder, 'run')
  mkdirSync(run)
  writeFileSync(join(run, 'metrics.jsonl'), '')
  const out = join(folder, 'report.html')
  const nowhere = join(folder, 'nowhere')
  await rejects(writeReport([run], { out, data: nowhere }), 'ERR_DATA', /nowhere/)
  assert.not.ok(existsSync(out))
  refused(2, /nowhere/, 'watch', run, '--port', '0', '--data', nowhere)
  assert.is(deepzero('report', run, '--out', out, '--data', cifar).code, 0)
})

test.run()
