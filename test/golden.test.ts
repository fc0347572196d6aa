// Golden numbers: short trainings from a seed give what they gave when this was written, on every instruction set and on CUDA.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { native } from '../lib/native.ts'
import { type Golden, goldenRun, goldenRuns } from './fixtures/golden-run.ts'
import { withIsa } from './fixtures/isa.ts'
import { skip } from './fixtures/skip.ts'

/**
 * As the scalar kernels compute them. AVX2, AVX-512 and CUDA (SIMT runtime) are off by at most 7e-8 in losses, 1.5e-6 in
 * norms, both relative, and 9e-8 in weights: other orders of float32 sums. Whoever changes the numbers of a run on purpose
 * (data, draws, estimates, optimisers) prints new ones: `DEEPZERO_MAX_ISA=scalar node --import tsx
 * test/fixtures/golden-run.ts cpu`.
 */
const golden: Readonly<Record<keyof typeof goldenRuns, Golden>> = {
  cge: {
    losses: [2.5496064, 2.6984417, 2.9779596, 2.506681, 2.982636],
    norms: [1.0690594, 1.1440306, 1.3013196, 0.88521765, 1.7306992],
    testLoss: 3.0545315,
    weights: [-0.14550544, 0.24795818, 0.13432546, 0.053476054, 0.22451991, -0.04294271, -0.51498306],
  },
  rge: {
    losses: [2.5496064, 2.7100748, 3.0720423, 2.6143344, 3.2518728],
    norms: [3.4037509, 4.6022732, 7.0485178, 6.8156139, 6.0795605],
    testLoss: 3.4792285,
    weights: [-0.16255508, 0.25088194, 0.1358709, 0.056130655, 0.24854553, -0.026171673, -0.54315931],
  },
}

const LOSS = 1e-6
const NORM = 1e-5
const WEIGHT = 1e-6

function compare(found: Golden, expected: Golden, what: string): void {
  const near = (a: readonly number[], b: readonly number[], tolerance: (x: number) => number, of: string) => {
    assert.is(a.length, b.length, `${what}: ${of}`)
    b.forEach((value, i) => {
      const error = Math.abs(a[i]! - value)
      assert.ok(
        error <= tolerance(value),
        `${what}: ${of} ${i} is ${a[i]}, expected ${value}, off by ${error}`,
      )
    })
  }
  near(found.losses, expected.losses, (x) => LOSS * x, 'loss')
  near([found.testLoss], [expected.testLoss], (x) => LOSS * x, 'test loss')
  near(found.norms, expected.norms, (x) => NORM * x, 'norm')
  near(found.weights, expected.weights, () => WEIGHT, 'weight')
}

const names = Object.keys(goldenRuns) as (keyof typeof goldenRuns)[]
for (const name of names) {
  for (const isa of native.instructionSets())
    test(`${name}, ${isa}`, () =>
      withIsa(isa, async () => {
        const found = await goldenRun(name, 'cpu')
        assert.is(found.isa, isa)
        compare(found, golden[name], `${name}, ${isa}`)
      }))
}

test('on CUDA', () => {
  const library = process.env.DEEPZERO_TEST_CUDA
  if (!library) return skip('DEEPZERO_TEST_CUDA names no library with a device to run on')
  const fixture = fileURLToPath(new URL('./fixtures/golden-run.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', fixture, 'cuda'], {
    encoding: 'utf8',
    env: { ...process.env, DEEPZERO_CUDA_LIBRARY: library },
  })
  assert.is(status, 0, stderr)
  const found = JSON.parse(stdout)
  for (const name of names) compare(found[name], golden[name], `${name}, CUDA`)
})

test.run()
