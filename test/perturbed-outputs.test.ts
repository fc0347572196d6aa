/**
 * Perturbed outputs: against passes with weights that were really changed, exactly where the answer is known, and what
 * happens to an iteration when its session, its signal or the weights change under it.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import { relativeError } from '../lib/gradcheck/compare.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import {
  type PerturbedOutput,
  type PerturbedOutputs,
  perturbedOutputsDefaults,
  perturbedOutputsShape,
} from '../lib/perturbed-outputs.ts'
import { Purpose, randomNormal } from '../lib/random.ts'
import { createSession } from '../lib/session.ts'

const SIZE = 8
const CLASSES = 3
const IMAGES = 4

/** Every way for a difference to reach the outputs: dense, in one output only (fc), and never (conv1.bias). */
function small(): Network {
  const net = networkBuilder('small', [3, SIZE, SIZE])
  const conv = net.conv2d('conv1', net.input, { out: 4, kernel: 3, padding: 1, bias: true })
  const relu = net.relu('relu1', net.batchNorm2d('bn1', conv))
  const second = net.relu('relu2', net.conv2d('conv2', relu, { out: 4, kernel: 3, padding: 1 }))
  net.linear('fc', net.globalAvgPool('pool', second), { out: CLASSES })
  return net.build({ seed: 1 })
}

const batch = () => ({
  input: randomNormal({ seed: 7, purpose: Purpose.syntheticData }, IMAGES * 3 * SIZE * SIZE),
  target: Int32Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
})

const network = small()
const { input, target } = batch()
const of = (name: string) => network.layout.parameters.find((info) => info.name === name)!
/** A few of every parameter. */
const some = network.layout.parameters.flatMap(({ offset, size }) => [offset, offset + size - 1])

async function all(outputs: PerturbedOutputs): Promise<PerturbedOutput[]> {
  const list: PerturbedOutput[] = []
  for await (const output of outputs) list.push(output)
  return list
}

async function rejection(promise: Promise<unknown>): Promise<DeepZeroError> {
  const error = await promise.then(
    () => new Error('it was fulfilled'),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, DeepZeroError, String(error))
  return error as DeepZeroError
}

test('docs/black-box-head.md has every option with its default', () => {
  const text = readFileSync(new URL('../docs/black-box-head.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| ([\w.-]*) +\| /gm)].map(([, name, value]) => [name, value])
  assert.equal(
    rows.map(([name]) => name),
    Object.keys(perturbedOutputsShape),
  )
  for (const [name, value] of rows) {
    const expected = (perturbedOutputsDefaults as Record<string, unknown>)[name!] ?? ''
    assert.is(
      typeof expected === 'number' ? Number(value) : value,
      typeof expected === 'number' ? expected : String(expected),
      name,
    )
  }
})

test('outputs are those of passes with weights that were really moved', async () => {
  using session = createSession(network)
  using moved = createSession(network)
  const mu = 0.05
  for (const statistics of ['batch', 'running'] as const) {
    const outputs = session.perturbedOutputs({ input }, some, { mu, scheme: 'central', statistics })
    const base = (await outputs.base).outputs
    assert.equal(base, (await session.forward({ input }, { statistics })).outputs)
    const list = await all(outputs)
    assert.equal(
      list.map(({ index, coordinate, sign }) => [index, coordinate, sign]),
      some.flatMap((coordinate, index) => [
        [index, coordinate, 1],
        [index, coordinate, -1],
      ]),
    )
    for (const { coordinate, sign, outputs: got, differences } of list) {
      const weights = network.parameters.slice()
      weights[coordinate]! += sign * mu
      moved.setParameters(weights)
      const expected = (await moved.forward({ input }, { statistics })).outputs
      // Float32 passes keep about seven digits of the outputs, and so lose most of those of a small difference.
      assert.ok(relativeError(got, expected) <= 1e-5, `${statistics}, ${coordinate}, ${sign}`)
      const largest = Math.max(...expected.map(Math.abs))
      got.forEach((z, j) => {
        // Each is rounded once.
        assert.ok(
          Math.abs(z - (base[j]! + differences[j]!)) <= 2 ** -24 * (Math.abs(z) + Math.abs(differences[j]!)),
        )
        assert.ok(Math.abs(differences[j]! - (expected[j]! - base[j]!)) <= 1e-5 * largest)
      })
    }
  }
})

test('differences keep their digits at mu 1e-6: the loss they make is that of session.differences', async () => {
  using session = createSession(network)
  const mu = 1e-6
  for (const scheme of ['forward', 'central'] as const) {
    const outputs = session.perturbedOutputs({ input }, some, { mu, scheme })
    const base = (await outputs.base).outputs
    const values = new Float64Array(some.length)
    for await (const { index, sign, differences } of outputs) {
      // log1p Σ p·expm1(Δz − Δz_t), mean over the images.
      let change = 0
      for (let n = 0; n < IMAGES; ++n) {
        const row = (array: Float32Array) => [...array.subarray(n * CLASSES, (n + 1) * CLASSES)]
        const z = row(base)
        const d = row(differences)
        const most = Math.max(...z)
        const total = z.reduce((sum, x) => sum + Math.exp(x - most), 0)
        const moved = z.map((x, j) => (Math.exp(x - most) / total) * Math.expm1(d[j]! - d[target[n]!]!))
        change += Math.log1p(moved.reduce((sum, x) => sum + x, 0)) / IMAGES
      }
      values[index]! += (sign * change) / mu / (scheme === 'central' ? 2 : 1)
    }
    const expected = (await session.differences({ input, target }, some, { mu, scheme })).values
    assert.ok(expected.some((value) => value !== 0))
    // Differences are rounded once more, to float32, and then compared with each other.
    const error = relativeError(values, expected)
    assert.ok(error <= 1e-5, `${scheme}: ${error}`)
  }
})

test('exact where the answer is known: a bias of the last layer, and one that batch norm takes out', async () => {
  using session = createSession(network)
  const mu = 1e-6
  const last = of('fc.bias').offset + 1
  const still = of('conv1.bias').offset
  const outputs = session.perturbedOutputs({ input }, [last, still], { mu })
  const base = (await outputs.base).outputs
  const [moving, vanishing] = await all(outputs)
  assert.equal(
    moving!.differences,
    base.map((_, j) => (j % CLASSES === 1 ? mu : 0)),
  )
  assert.equal(
    moving!.outputs,
    base.map((z, j) => (j % CLASSES === 1 ? z + mu : z)),
  )
  assert.equal(vanishing!.outputs, base)
  assert.ok(vanishing!.differences.every((d) => d === 0))
})

test('outputs are rounded once, not with the difference before', async () => {
  using session = createSession(network)
  const weights = network.parameters.slice()
  const [matrix, bias] = [of('fc.weight'), of('fc.bias')]
  weights.fill(0, matrix.offset, matrix.offset + matrix.size)
  weights.fill(1, bias.offset, bias.offset + bias.size)
  session.setParameters(weights)
  // Beyond the middle between 1 and the next float32 by so little that float32 of μ itself is the middle.
  const mu = 2 ** -24 + 2 ** -50
  assert.is(Math.fround(mu), 2 ** -24)
  const [moved] = await all(session.perturbedOutputs({ input }, [bias.offset], { mu }))
  moved!.outputs.forEach((z, j) => assert.is(z, j % CLASSES === 0 ? 1 + 2 ** -23 : 1))
})

test('neither the size of blocks nor the number of threads changes a bit', async () => {
  using session = createSession(network, { threads: 1 })
  const expected = await all(session.perturbedOutputs({ input }, some, { scheme: 'central' }))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (blockSize, threads) => {
        using other = createSession(network, { threads })
        const got = await all(other.perturbedOutputs({ input }, some, { scheme: 'central', blockSize }))
        assert.equal(got, expected)
      },
    ),
    { numRuns: 20 },
  )
})

test('base has loss and accuracy where there is a target; no coordinates, no networks', async () => {
  using session = createSession(network)
  const outputs = session.perturbedOutputs({ input, target }, [])
  assert.equal(await outputs.base, await session.forward({ input, target }, { statistics: 'batch' }))
  assert.equal(await all(outputs), [])
  assert.ok(Number.isNaN((await session.perturbedOutputs({ input }, []).base).loss))
})

test('weights, batch and coordinates changed between two networks do not change the iteration', async () => {
  using session = createSession(network)
  const expected = await all(session.perturbedOutputs({ input }, some))
  const mine = { input: input.slice() }
  const coordinates = Uint32Array.from(some)
  const got: PerturbedOutput[] = []
  for await (const output of session.perturbedOutputs(mine, coordinates, { blockSize: 3 })) {
    got.push(output)
    mine.input.fill(0)
    coordinates.fill(0)
    session.setParameters(session.getParameters().map((weight) => weight * 0.9))
    session.setBuffers(session.getBuffers().map((value) => value + 0.1))
    await session.differences({ input: input.map((x) => 2 * x), target }, [0, 1], { updateRunning: true })
  }
  assert.equal(got, expected)
  // And the session has what it was given.
  assert.not.equal(session.getParameters(), network.parameters)
})

test('an iteration starts from the weights of its turn', async () => {
  using session = createSession(network)
  const before = session.differences({ input, target }, some, { updateRunning: true })
  const options = { statistics: 'running' } as const
  const outputs = session.perturbedOutputs({ input }, [some[0]!], options)
  await before
  const { outputs: expected } = await session.forward({ input }, options)
  assert.equal((await outputs.base).outputs, expected)
})

test('running statistics move once, at the end, and only where asked', async () => {
  using session = createSession(network)
  using other = createSession(network)
  const before = session.getBuffers()
  const parameters = session.getParameters()
  await all(session.perturbedOutputs({ input }, some))
  for await (const _ of session.perturbedOutputs({ input }, some, { updateRunning: true })) break
  assert.equal(session.getBuffers(), before)
  await all(session.perturbedOutputs({ input }, some, { updateRunning: true, blockSize: 2 }))
  await other.differences({ input, target }, some, { updateRunning: true })
  assert.not.equal(session.getBuffers(), before)
  assert.equal(session.getBuffers(), other.getBuffers())
  assert.equal(session.getParameters(), parameters)
})

test('the session is free between two networks, and after the loop was left', async () => {
  using session = createSession(network)
  for await (const { index } of session.perturbedOutputs({ input }, some, { blockSize: 1 })) {
    session.getParameters()
    await session.forward({ input })
    if (index === 2) break
  }
  session.setParameters(network.parameters)
})

test('an abort ends the iteration at the next network, and a block that is being computed', async () => {
  using session = createSession(network)
  const within = new AbortController()
  let taken = 0
  const error = await rejection(
    (async () => {
      for await (const _ of session.perturbedOutputs({ input }, some, { signal: within.signal })) {
        taken += 1
        if (taken === 2) within.abort(new Error('enough'))
      }
    })(),
  )
  assert.is(error.code, 'ERR_ABORTED')
  assert.is((error.cause as Error).message, 'enough')
  assert.is(taken, 2)

  const many = Uint32Array.from({ length: 100_000 }, (_, i) => i % network.layout.parameterCount)
  const during = new AbortController()
  const options = { signal: during.signal, blockSize: many.length }
  const outputs = session.perturbedOutputs({ input }, many, options)
  await outputs.base
  const first = rejection(outputs.next())
  setTimeout(() => during.abort(), 20)
  assert.is((await first).code, 'ERR_ABORTED')
  await session.forward({ input })

  const early = session.perturbedOutputs({ input }, some, { signal: AbortSignal.abort() })
  assert.is((await rejection(early.base)).code, 'ERR_ABORTED')
  assert.is((await rejection(early.next())).code, 'ERR_ABORTED')
})

test('dispose ends the iteration at the next network', async () => {
  const session = createSession(network)
  let taken = 0
  const error = await rejection(
    (async () => {
      for await (const _ of session.perturbedOutputs({ input }, some)) {
        taken += 1
        session.dispose()
      }
    })(),
  )
  assert.is(error.code, 'ERR_DISPOSED')
  assert.is(taken, 1)
  const late = session.perturbedOutputs({ input }, some)
  assert.is((await rejection(late.next())).code, 'ERR_DISPOSED')
})

test('what goes wrong in a pass rejects base and iteration, with the stack of the call', async () => {
  using session = createSession(network)
  const bad = { input: input.map((x, i) => (i === 5 ? Number.NaN : x)) }
  function callerOfPerturbed() {
    return session.perturbedOutputs(bad, some)
  }
  const outputs = callerOfPerturbed()
  const error = await rejection(outputs.next())
  assert.is(error.code, 'ERR_NOT_FINITE')
  assert.match(error.stack ?? '', /callerOfPerturbed/)
  assert.is(await rejection(outputs.base), error)
  assert.equal(await outputs.next(), { done: true, value: undefined })
})

test('wrong arguments are refused at once, with the reason', () => {
  using session = createSession(network)
  const refused = (options: object, code: string, message: RegExp, coordinates: unknown = [0]) => {
    try {
      session.perturbedOutputs({ input }, coordinates as number[], options)
    } catch (error) {
      assert.instance(error, DeepZeroError)
      assert.is((error as DeepZeroError).code, code)
      assert.match((error as DeepZeroError).message, message)
      return
    }
    assert.unreachable(String(message))
  }
  refused({ blockSize: -1 }, 'ERR_INVALID_ARGUMENT', /options.blockSize: expected an integer at least 0/)
  refused({ blocksize: 1 }, 'ERR_UNKNOWN_OPTION', /did you mean 'blockSize'\?/)
  refused({ mu: 0 }, 'ERR_INVALID_ARGUMENT', /options.mu: expected a finite number above 0/)
  refused({ scheme: 'centre' }, 'ERR_INVALID_ARGUMENT', /options.scheme: expected 'forward' or 'central'/)
  refused({ statistics: 'running', updateRunning: true }, 'ERR_INVALID_ARGUMENT', /use statistics 'batch'/)
  refused({}, 'ERR_INVALID_ARGUMENT', /coordinates\[0\]: expected an index/, [-1])
})

test.run()
