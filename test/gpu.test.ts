/**
 * The command for machines with a GPU, bench/gpu.py, where there is none, and what may be recorded: the unit tests of test/python, by python3, and
 * those of the peer by one that has PyTorch.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skip } from './fixtures/skip.ts'

const folder = fileURLToPath(new URL('python', import.meta.url))
const bench = fileURLToPath(new URL('../bench', import.meta.url))
const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }

/** Runs the tests of the files that fit. */
function unittest(python: string, files: string, least: number): void {
  const { status, stderr } = spawnSync(python, ['-m', 'unittest', 'discover', '-s', folder, '-p', files], {
    encoding: 'utf8',
    env,
  })
  assert.is(status, 0, stderr)
  const [, count] = stderr.match(/Ran (\d+) tests/) ?? []
  assert.ok(Number(count) >= least, `only ${count} tests ran`)
}

test('bench/gpu.py: arguments, steps, failures, records; what bench/ refuses to record', () => {
  if (spawnSync('python3', ['--version']).error === undefined) unittest('python3', 'test_*.py', 45)
  else skip('no python3 for the tests of bench/', 'python3')
})

test('the ways of the peer agree in float64', () => {
  const found = spawnSync('python3', ['-c', 'import torch_python; print(torch_python.find())'], {
    cwd: bench,
    encoding: 'utf8',
    env,
  })
  if (found.status === 0) unittest(found.stdout.trim(), 'peer_*.py', 4)
  else skip('no python3 with PyTorch for the ways of the peer')
})

test.run()
