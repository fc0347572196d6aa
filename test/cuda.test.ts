/**
 * The CUDA backend from JavaScript: what is said where it cannot be used, and, with DEEPZERO_TEST_CUDA naming a library
 * (the one over the SIMT runtime, say), estimates on it beside those of the CPU. Each case is a process of its own, as
 * the library is opened once in each.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { native } from '../lib/native.ts'
import { skip } from './fixtures/skip.ts'

const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))
const fixture = fileURLToPath(new URL('./fixtures/cuda-session.ts', import.meta.url))

function run(
  library: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment, DEEPZERO_CUDA_LIBRARY: library },
  })
  return { status, out: stdout, err: stderr }
}

test('what there is here', () => {
  const { path, reason, devices } = native.cuda()
  console.log(`CUDA: ${reason || devices.map(({ name }) => name).join(', ')}`)
  assert.match(path, /libdeepzero_cuda\.so$/)
  assert.is(reason === '', devices.length > 0)
})

test('no library: doctor says so, auto goes on to the CPU, cuda is refused', () => {
  const missing = join(tmpdir(), 'no-such-folder', 'libdeepzero_cuda.so')
  const doctor = run(missing, [main, 'doctor'])
  assert.is(doctor.status, 0, doctor.err)
  assert.match(
    doctor.out,
    `CUDA               not used: the CUDA backend is not part of this build (there is no ${missing})`,
  )
  assert.match(doctor.out, /in use +cpu .*the CUDA backend is not part of this build/)
  const { status, err } = run(missing, [
    main,
    'train',
    '--network',
    'cnn-1x2',
    '--data',
    'builtin',
    '--device',
    'cuda',
  ])
  assert.is(status, 3, err)
  assert.match(err, /device 'cuda': the CUDA backend is not part of this build .*; expected 'cpu' or 'auto'/)
})

test('a library that cannot be opened', () => {
  const folder = mkdtempSync(join(tmpdir(), 'deepzero-cuda-'))
  const broken = join(folder, 'libdeepzero_cuda.so')
  writeFileSync(broken, 'no library')
  const { status, out } = run(broken, [main, 'doctor', '--json'])
  rmSync(folder, { recursive: true })
  assert.is(status, 0)
  const { device, cuda, reason } = JSON.parse(out)
  assert.is(device, 'cpu')
  assert.match(cuda.reason, /cannot be opened: .*libdeepzero_cuda\.so/)
  assert.ok(reason.startsWith(cuda.reason))
})

test('a session on the device agrees with one on the CPU', () => {
  const library = process.env.DEEPZERO_TEST_CUDA
  if (!library) {
    return skip('DEEPZERO_TEST_CUDA names no library with a device to run on')
  }
  const { status, out, err } = run(library, [fixture])
  assert.is(status, 0, err)
  const { device, error, largest, bfloat, redone } = JSON.parse(out)
  assert.is(device, 'cuda')
  assert.ok(largest > 0)
  // Sums of float32 in another order.
  assert.ok(error <= 1e-3 * largest, `${error} of ${largest}`)
  assert.is(bfloat.device, 'cuda', bfloat.reason)
  // Eight bits.
  assert.ok(bfloat.error > error && bfloat.error <= 4e-2 * largest, `${bfloat.error} of ${largest}`)
  assert.is(redone, 0)
  const faint = run(library, [fixture, 'faint'])
  const again = JSON.parse(faint.out).redone
  assert.ok(again > 4 && again <= 40, faint.out)
  assert.match(
    faint.err,
    `${again} of 40 queries were out of the range of float16 and were done again in float32`,
  )
})

test('devices by number', () => {
  const library = process.env.DEEPZERO_TEST_CUDA
  if (!library?.includes('simt')) {
    return skip('DEEPZERO_TEST_CUDA names no library with devices of its own making')
  }
  const three = { DEEPZERO_SIMT_DEVICES: '3,-1,0' }
  const all = JSON.parse(run(library, [fixture], three).out)
  const two = JSON.parse(run(library, [fixture, '2', '0'], three).out)
  assert.equal([all.threads, two.threads], [6, 4])
  assert.equal(two.values, all.values)
  // Whoever names devices does not want the CPU.
  const none = run(library, [fixture, '3'], three)
  assert.is(none.status, 1)
  assert.match(none.err, /ERR_DEVICE/)
  assert.match(none.err, /devices 3: .*CUDA device 3: expected one of those that can be used, 0, 1, 2/)
})

test('doctor names versions, architectures, and devices that cannot be used', () => {
  const library = process.env.DEEPZERO_TEST_CUDA
  if (!library?.includes('simt')) {
    return skip('DEEPZERO_TEST_CUDA names no library with devices of its own making')
  }
  // Of four, the second one is too old and the fourth does not answer.
  const devices = { DEEPZERO_SIMT_DEVICES: '4,-1,0,1,3' }
  const { out } = run(library, [main, 'doctor'], devices)
  assert.match(out, /CUDA +0: SIMT host 0, compute capability 9.0, .*; 2: SIMT host 2/)
  assert.match(out, /library of CUDA 13\.0, driver of CUDA 13\.0/)
  assert.match(out, /not used: 1: SIMT host 1 has compute capability 7.5, expected 8.0 or newer\n/)
  assert.match(out, /not used: 3: does not answer \(.*\); check nvidia-smi\n/)
  const { cuda } = JSON.parse(run(library, [main, 'doctor', '--json'], devices).out)
  assert.is(cuda.driver, '13.0')
  assert.equal(
    cuda.rejected.map(({ ordinal }: { ordinal: number }) => ordinal),
    [1, 3],
  )
  // Alone, they are why there is none.
  const alone = run(library, [main, 'doctor'], { DEEPZERO_SIMT_DEVICES: '1,-1,0,0' })
  assert.match(alone.out, /not used: no CUDA device can be used: 0: SIMT host 0 has compute capability 7.5/)
})

test('a device that fails: in the trial, the CPU is taken; in a call, the others do its share and a warning says so', () => {
  const library = process.env.DEEPZERO_TEST_CUDA
  if (!library?.includes('simt')) {
    return skip('DEEPZERO_TEST_CUDA names no library whose devices can be made to fail')
  }
  const whole = run(library, [fixture])
  const { values } = JSON.parse(whole.out)
  const outcomes = new Set<string>()
  // Of three devices, the second one fails: in the trial, or in the call after it.
  for (let launches = 40; launches <= 400 && outcomes.size < 2; launches += 40) {
    const { status, out, err } = run(library, [fixture], { DEEPZERO_SIMT_DEVICES: `3,1,${launches}` })
    assert.is(status, 0, err)
    const broken = JSON.parse(out)
    if (broken.device === 'cpu') {
      assert.match(broken.reason, /CUDA device 1 \(SIMT host 1\) did not pass the trial .*the device is gone/)
      outcomes.add('trial')
      continue
    }
    assert.equal(broken.values, values)
    assert.is(broken.threads, 6)
    const said = /CUDA device 1 is not used any more, others do its share: .*the device is gone/
    assert.is(said.test(broken.reason), said.test(err), err)
    if (said.test(err)) outcomes.add('call')
  }
  assert.is(outcomes.size, 2, [...outcomes].join())
})

test.run()
