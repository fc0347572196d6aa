// gradcheck: its comparison, the reference cases on every instruction set, and references that are wrong.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { relativeError, within } from '../lib/gradcheck/compare.ts'
import { cosine, estimatorCosines } from '../lib/gradcheck/cosines.ts'
import { checkRandom, checkReference } from '../lib/gradcheck/gradcheck.ts'
import { readReference } from '../lib/gradcheck/reference.ts'
import { tolerancesOf } from '../lib/gradcheck/tolerances.ts'
import { native } from '../lib/native.ts'
import { networkByName } from '../lib/networks/index.ts'
import { networkBuilder } from '../lib/networks/network.ts'
import { readSafetensors, type Tensor, writeSafetensors } from '../lib/safetensors.ts'
import { createSession } from '../lib/session.ts'
import { rejects } from './fixtures/rejects.ts'
import { testUnless } from './fixtures/skip.ts'

const reference = fileURLToPath(new URL('../../shared/reference/', import.meta.url))
const main = fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))
const thinned = fileURLToPath(new URL('./fixtures/thin-gradcheck.ts', import.meta.url))
const available = existsSync(join(reference, 'cnn2x8-init.safetensors'))
const withReference = testUnless(available ? null : `no reference cases beside the checkout (${reference})`)

const gradcheck = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', main, 'gradcheck', ...args], { encoding: 'utf8' })

test('cosine: of the vectors at the indices alone; NaN for a vector of zeros', () => {
  assert.is(cosine([1, 0, 5], [2, 0, -5], [0, 1]), 1)
  assert.ok(Math.abs(cosine([1, 1], [1, 0], [0, 1]) - Math.SQRT1_2) < 1e-15)
  assert.is(cosine([3, 0], [-2, 0], [0]), -1)
  assert.ok(Number.isNaN(cosine([0, 0], [1, 1], [0, 1])))
})

withReference('cosines: every estimator is where theory expects it, by one command', () => {
  const path = join(reference, 'cnn2x8-init')
  const { status, stdout, stderr } = gradcheck(
    ...['--network', 'cnn-2x8', '--reference', path, '--cosines', '--queries', '100', '--json'],
  )
  assert.is(status, 0, stderr)
  const { cosines, ...settings } = JSON.parse(stdout)
  assert.equal(settings, { mu: 1e-4, queries: 100, seed: 1 })
  assert.is(cosines.length, 9)
  assert.is(cosines[0].least, Math.sqrt(1 - 1e-2 ** 2))
  assert.ok(cosines[0].cosine >= cosines[0].least && cosines[0].cosine <= 1 + 1e-9)
  // √(q/(q + d)), written out.
  const { parameterCount } = networkByName('cnn-2x8').layout
  assert.is(cosines[1].expected, Math.sqrt(100 / (100 + parameterCount)))
  for (const { estimator, over, cosine: found, least, most, passed } of cosines)
    assert.ok(passed && found >= least && found <= most, `${estimator} over ${over}: ${found}`)
})

withReference('cosines: what is expected of CGE goes by mu', async () => {
  const opened = await readReference(join(reference, 'cnn2x8-init'), networkByName('cnn-2x8'))
  const [cge] = await estimatorCosines(opened, { queries: 2, mu: 5e-3 })
  assert.ok(cge!.passed && cge!.least > 0.997 && cge!.least < 0.998, JSON.stringify(cge))
})

withReference('cosines: an estimate that is off ends with exit code 1', () => {
  // At mu = 1 truncation is all there is.
  const off = gradcheck(
    ...['--network', 'cnn-2x8', '--reference', join(reference, 'cnn2x8-init')],
    ...['--cosines', '--queries', '2', '--mu', '1'],
  )
  assert.is(off.status, 1, off.stderr)
  assert.match(off.stderr, /not where expected: CGE over 178 listed coordinates/)
  assert.match(off.stdout, /CGE .* OFF/)
})

test('cosines: a reference is needed, and --queries is refused without --cosines', () => {
  const without = gradcheck('--network', 'cnn-2x8', '--cosines')
  assert.is(without.status, 2)
  assert.match(without.stderr, /--cosines: expected --reference PATH\/CASE/)
  const unread = gradcheck('--network', 'cnn-2x8', '--queries', '7')
  assert.is(unread.status, 2, unread.stderr)
  assert.match(unread.stderr, /--queries: expected to be left out unless --cosines is true, received 7/)
})

withReference('cosines: device, precision and method are those chosen', async () => {
  const path = join(reference, 'cnn2x8-init')
  const given = ['--network', 'cnn-2x8', '--reference', path, '--cosines', '--queries', '2']
  // float16 is stored on CUDA only, so that the CPU refuses it on any machine.
  const refused = gradcheck(...given, '--device', 'cpu', '--precision', 'f16')
  assert.is(refused.status, 2, refused.stderr)
  assert.match(refused.stderr, /--precision: expected 'f32' or 'bf16'/)
  const network = networkByName('cnn-2x8', { seed: 1 })
  const opened = await readReference(path, network)
  const device = 'cpu'
  const [propagated] = await estimatorCosines(opened, { device, queries: undefined, mu: 1e-2 })
  const [passes] = await estimatorCosines(opened, { device, queries: 2, mu: 1e-2, method: 'two-pass' })
  assert.is.not(passes!.cosine, propagated!.cosine)
  assert.ok(Math.abs(passes!.cosine - propagated!.cosine) < 1e-2)
  const commanded = gradcheck(...given, '--device', 'cpu', '--mu', '0.01', '--method', 'two-pass', '--json')
  assert.is(JSON.parse(commanded.stdout).cosines[0].cosine, passes!.cosine)
})

test('comparison: relative in the 2-norm', () => {
  assert.is(relativeError([1, 2, 2], [1, 2, 2]), 0)
  assert.is(relativeError([0, 0], [3, 4]), 1)
  assert.is(relativeError([3, 4.5], [3, 4]), 0.1)
  assert.is(relativeError([0, 0], [0, 0]), 0)
  assert.is(relativeError([3, 4], [0, 0]), 5)
})

test('comparison: never passes by accident', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.ok(Number.isNaN(relativeError([1, bad], [1, 2])))
    assert.ok(Number.isNaN(relativeError([1, 2], [1, bad])))
    assert.ok(Number.isNaN(relativeError([1, bad], [1, bad])))
  }
  assert.not.ok(within(Number.NaN, 1))
  assert.not.ok(within(1.1, 1))
  assert.ok(within(1, 1))
  assert.throws(() => relativeError([1], [1, 2]), /received 1 and 2/)
  assert.throws(() => relativeError([], []), /at least one/)
})

test('tolerances are those of the documentation', () => {
  const { logits, loss, running, cge, gradient } = tolerancesOf('f32', 'cpu')
  assert.equal([logits, loss, running], [1e-5, 1e-5, 1e-5])
  assert.equal([cge(5e-3), cge(1e-4)], [1e-4, 1e-3])
  assert.equal([gradient(1e-6), gradient(1e-4)], [2e-3, 1e-2])
  assert.equal([tolerancesOf('f32', 'cuda').cge(5e-3), tolerancesOf('f16', 'cuda').cge(1e-4)], [1e-4, 1e-3])
  const [onCpu, onCuda] = [tolerancesOf('bf16', 'cpu'), tolerancesOf('bf16', 'cuda')]
  assert.equal([onCpu.cge(5e-3), onCuda.cge(1e-4)], [5e-3, 2e-2])
  assert.equal([onCpu.gradient(1e-4), onCuda.gradient(1e-4)], [1.5e-2, 3e-2])
})

test('tolerances of the native checks and the bench are the same', () => {
  const source = readFileSync(new URL('../bench/reference_check.cpp', import.meta.url), 'utf8')
  const numbers = (pattern: string): number[] => {
    const found = new RegExp(pattern.replaceAll('#', '([0-9.e-]+)')).exec(source)
    assert.ok(found, `bench/reference_check.cpp has no ${pattern}`)
    return found!.slice(1).map(Number)
  }
  const { logits, loss, running, cge } = tolerancesOf('f32', 'cpu')
  const [pass] = numbers('kPassTolerance = #;')
  assert.equal([logits, loss, running], [pass, pass, pass])
  const bf16 = numbers('Precision::bf16\\) return device == "cpu" \\? # : #;')
  const [f16] = numbers('Precision::f16\\) return #;')
  const [from, above, below] = numbers('return mu >= # \\? # : #;')
  for (const mu of [5e-3, 1e-4, 1e-6]) {
    assert.equal([tolerancesOf('bf16', 'cpu').cge(mu), tolerancesOf('bf16', 'cuda').cge(mu)], bf16)
    assert.is(tolerancesOf('f16', 'cuda').cge(mu), f16)
  }
  assert.equal([cge(1), cge(from!), cge(from! * 0.999), cge(1e-6)], [above, above, below, below])
})

const cases: [string, string][] = [
  ['cnn2x8-init', 'cnn-2x8'],
  ['resnet20-init', 'resnet20'],
  ['resnet20-trained', 'resnet20'],
]

/** The scalar path is some twenty times slower: of a ResNet-20 it is asked for every 25th coordinate. */
const SPARSE = 25

for (const isa of native.instructionSets()) {
  for (const [name, network] of cases) {
    const path = join(reference, name)
    const thin = isa === 'scalar' && network === 'resnet20'
    const command = thin
      ? [thinned, network, path, String(SPARSE)]
      : [main, 'gradcheck', '--network', network, '--reference', path, '--mu', '1e-6', '--json']
    withReference(`reference ${name}, ${isa}${thin ? `, one coordinate in ${SPARSE}` : ''}`, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...command], {
        encoding: 'utf8',
        env: { ...process.env, DEEPZERO_MAX_ISA: isa },
      })
      assert.is(status, 0, stderr)
      const { cge, ...rest } = JSON.parse(stdout)
      assert.equal(Object.keys(rest).sort(), [
        'gradient',
        'logits_eval',
        'logits_train',
        'loss_train',
        'running',
      ])
      assert.equal(Object.keys(cge).sort(), ['0.0001', '0.005'])
      assert.ok(rest.logits_train > 0 && rest.logits_train <= 1e-5)
      assert.ok(rest.logits_eval > 0 && rest.logits_eval <= 1e-5)
      assert.ok(rest.loss_train <= 1e-5 && rest.running <= 1e-5)
      assert.ok(cge['0.005'] <= 1e-4 && cge['0.0001'] <= 1e-3)
      assert.ok(rest.gradient <= 2e-3)
    })
  }
}

const small = networkByName('cnn-2x8')
const smallCase = join(reference, 'cnn2x8-init')

withReference('reference: an estimate that is off, or no number, fails', async () => {
  const good = await readReference(smallCase, small)
  const cge = new Map(good.cge)
  cge.set(
    '0.005',
    cge.get('0.005')!.map((value) => value * 1.001),
  )
  const off = await checkReference({ ...good, cge })
  assert.not.ok(off.passed)
  assert.equal(
    off.lines.filter(({ passed }) => !passed).map(({ name }) => name),
    ['cge at mu 0.005'],
  )
  const lossTrain = Float64Array.of(Number.NaN)
  const none = await checkReference({ ...good, lossTrain })
  assert.not.ok(none.passed)
  assert.ok(Number.isNaN(none.errors.loss_train))
})

test('reference: a network without batch norm has no running statistics to compare', async () => {
  const net = networkBuilder('plain', [1, 4, 4])
  const conv = net.conv2d('conv', net.input, { out: 2, kernel: 3 })
  net.linear('fc', net.relu('relu', conv), { out: 3 })
  const network = net.build({ seed: 2 })
  const batch = {
    input: new Float32Array(32).map((_, i) => Math.sin(i)),
    target: Int32Array.of(0, 2),
    count: 2,
  }
  using session = createSession(network, { threads: 1 })
  const { outputs, loss } = await session.forward(batch)
  const coordinates = Uint32Array.of(0, 20, 30)
  const { values } = await session.differences(batch, coordinates, { mu: 1e-4, method: 'two-pass-f64' })
  const logits = Float64Array.from(outputs)
  const plain = {
    ...{ network, batch, coordinates, logitsTrain: logits, logitsEval: logits },
    lossTrain: Float64Array.of(loss),
    runningAfter: new Float64Array(0),
    gradient: new Float64Array(network.layout.parameterCount),
    cge: new Map([['1e-4', Float64Array.from(values)]]),
  }
  const { passed, errors, lines } = await checkReference(plain, { threads: 1 })
  assert.ok(passed, JSON.stringify(lines))
  assert.not.ok('running' in errors)
  assert.equal(
    lines.map(({ name }) => name),
    ['logits_train', 'logits_eval', 'loss_train', 'cge at mu 1e-4'],
  )
})

withReference('reference: missing tensors and wrong networks are named', async () => {
  const copy = join(mkdtempSync(join(tmpdir(), 'deepzero-gradcheck-')), 'case')
  const expected = await readSafetensors(`${smallCase}.expected.safetensors`)
  const weights = await readSafetensors(`${smallCase}.safetensors`)
  const write = async (change: (tensors: Map<string, Tensor>) => void, metadata = expected.metadata) => {
    const tensors = new Map(expected.tensors)
    change(tensors)
    await writeSafetensors(`${copy}.safetensors`, weights.tensors, weights.metadata)
    await writeSafetensors(`${copy}.expected.safetensors`, tensors, metadata)
    return readReference(copy, small)
  }
  assert.ok(await write(() => {}))
  for (const end of ['.safetensors', '.expected.safetensors'])
    assert.equal(
      (await readReference(copy + end, small)).gradient,
      (await readReference(copy, small)).gradient,
    )
  await rejects(
    write((t) => t.delete('logits_eval')),
    'ERR_REFERENCE',
    /logits_eval/,
  )
  await rejects(
    write((t) => t.set('cge/mu=0.005', { dtype: 'F32', shape: [1], data: new Float32Array(1) })),
    'ERR_REFERENCE',
    /mu=0\.005: expected \d+ values, received 1/,
  )
  await rejects(
    write(() => {}, {}),
    'ERR_REFERENCE',
    /metadata key parameters/,
  )
  await rejects(
    write(() => {}, { parameters: '["other.weight"]' }),
    'ERR_REFERENCE',
    /parameter/,
  )
  await rejects(readReference(smallCase, networkByName('resnet20')), 'ERR_MODEL', /resnet20/)
  await rejects(readReference(join(reference, 'nothing'), small), 'ERR_FILE', /does not exist/)
})

test('random data: propagation equals two float64 passes; two float32 passes do not', async () => {
  const network = networkByName('cnn-2x4', { seed: 2 })
  const checked = await checkRandom(network)
  assert.ok(checked.passed, JSON.stringify(checked.errors))
  assert.equal(Object.keys(checked.errors.cge), ['0.005', '0.0001'])
  const plain = await checkRandom(network, { method: 'two-pass', mu: 1e-6 })
  assert.not.ok(plain.passed)
  const half = await checkRandom(network, { precision: 'bf16', device: 'cpu' })
  assert.ok(half.passed, JSON.stringify(half.errors))
  assert.ok(half.errors.cge['0.005']! > checked.errors.cge['0.005']!, 'bfloat16 made no difference')
  await rejects(
    checkRandom(network, { precision: 'f16', device: 'cpu' }),
    'ERR_INVALID_ARGUMENT',
    /f32.*received 'f16'/,
  )
})

test.run()
