/**
 * Same seed, same bits, on each instruction set of this machine: outputs, loss, estimates and running statistics depend
 * neither on the number of threads, nor on the memory for differences, the order of the coordinates, what else is asked
 * for, or another session that works at the same time. That so many threads worked is seen in `threadChunks`.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { native } from '../lib/native.ts'
import { networkByName } from '../lib/networks/index.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { Purpose, permutation } from '../lib/random.ts'
import { createSession, type Session } from '../lib/session.ts'
import type { DifferencesOptions, SessionOptions } from '../lib/session-options.ts'
import type { DifferencesResult } from '../lib/session-results.ts'
import { batchFor, firstDifference, someCoordinates } from './fixtures/drawn-call.ts'
import { withIsa } from './fixtures/isa.ts'

const THREADS = [1, 2, 3, 7]
const IMAGES = 5
const EACH = 8

/** Every op, odd sizes, branches that meet again. */
function everyOp(): Network {
  const net = networkBuilder('every-op', [3, 13, 11])
  const stem = net.batchNorm2d(
    'bn1',
    net.conv2d('conv1', net.input, { out: 10, kernel: 5, stride: 2, padding: 2, bias: true }),
  )
  const body = net.conv2d('conv2', net.relu('relu1', stem), { out: 14, kernel: 3, padding: 1 })
  const sum = net.add(
    'add',
    net.batchNorm2d('bn2', body),
    net.shortcutA('short', stem, { out: 14, stride: 1 }),
  )
  const pooled = net.maxPool2d('max', net.relu('relu2', sum), { kernel: 3, stride: 2, padding: 1 })
  const last = net.conv2d('conv3', pooled, { out: 9, kernel: 1, bias: true })
  net.linear('fc', net.globalAvgPool('mean', last), { out: 10 })
  return net.build({ seed: 11 })
}

function sameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  const at = firstDifference(actual, expected)
  assert.is(at, -1, `${what}: value ${at} is ${actual[at]}, expected ${expected[at]}`)
}

const networks = [networkByName('resnet8', { seed: 4 }), everyOp()]
const calls: readonly DifferencesOptions[] = [
  { mu: 5e-3 },
  { mu: 1e-4, scheme: 'central' },
  { mu: 1e-4, statistics: 'running' },
]
/** Plain code, the same for every instruction set, and slow. */
const plainCalls: readonly DifferencesOptions[] = [
  { mu: 1e-3, method: 'two-pass' },
  { mu: 1e-3, method: 'two-pass-f64', scheme: 'central' },
]

/** A session with this instruction set. */
const capped = (isa: string, network: Network, options: SessionOptions): Promise<Session> =>
  withIsa(isa, () => {
    const session = createSession(network, { device: 'cpu', ...options })
    assert.is(session.device.isa, isa)
    return session
  })

function same(actual: DifferencesResult, expected: DifferencesResult, what: string): void {
  sameBits(actual.values, expected.values, what)
  assert.is(actual.loss, expected.loss, what)
  assert.is(actual.correct, expected.correct, what)
}

/** The same calls with 1, 2, 3 and 7 threads. */
async function compareThreads(
  isa: string,
  network: Network,
  coordinates: Uint32Array,
  given: readonly DifferencesOptions[],
): Promise<void> {
  const batch = batchFor(network, IMAGES, 5)
  const expected: DifferencesResult[] = []
  for (const threads of THREADS) {
    using session = await capped(isa, network, { threads })
    for (const [i, call] of given.entries()) {
      const result = await session.differences(batch, coordinates, call)
      expected[i] ??= result
      same(result, expected[i], `${threads} threads, ${JSON.stringify(call)}`)
      assert.ok(result.values.some((value) => value !== 0))
      assert.is(result.threadChunks.length, threads)
      assert.ok(
        result.threadChunks.every((chunks) => chunks > 0),
        `chunks of ${threads} threads: ${result.threadChunks}`,
      )
    }
  }
}

test('every-op, two passes: 1, 2, 3 and 7 threads give the same differences, and all of them work', () => {
  const network = everyOp()
  return compareThreads(native.device().isa, network, someCoordinates(network, 1, 6), plainCalls)
})

for (const isa of native.instructionSets()) {
  for (const network of networks) {
    const { name } = network.spec
    const batch = batchFor(network, IMAGES, 5)
    const coordinates = someCoordinates(network, EACH, 6)

    test(`${name}, ${isa}: 1, 2, 3 and 7 threads give the same differences, and all of them work`, () =>
      compareThreads(isa, network, coordinates, calls))

    test(`${name}, ${isa}: memory for one query at a time changes no bit`, async () => {
      using roomy = await capped(isa, network, { threads: 2 })
      using tight = await capped(isa, network, { threads: 2, memory: 2 ** -20 })
      const chunks = ({ threadChunks }: DifferencesResult): number => threadChunks.reduce((a, b) => a + b, 0)
      for (const call of calls) {
        const expected = await roomy.differences(batch, coordinates, call)
        const result = await tight.differences(batch, coordinates, call)
        same(result, expected, JSON.stringify(call))
        assert.ok(chunks(result) > chunks(expected), 'the memory setting made no difference to the blocks')
      }
    })

    test(`${name}, ${isa}: order, duplicates and company of a coordinate change no bit`, async () => {
      using session = await capped(isa, network, { threads: 3 })
      const { values } = await session.differences(batch, coordinates)
      const order = permutation({ seed: 8, purpose: Purpose.coordinates, stream: 1 }, coordinates.length)
      const shuffled = Uint32Array.from(order, (i) => coordinates[i]!)
      const again = await session.differences(batch, shuffled)
      sameBits(
        again.values,
        Float32Array.from(order, (i) => values[i]!),
        'shuffled',
      )
      for (const i of [0, 1, coordinates.length - 1]) {
        const alone = await session.differences(batch, [coordinates[i]!, coordinates[i]!])
        sameBits(alone.values, Float32Array.of(values[i]!, values[i]!), `coordinate ${coordinates[i]} alone`)
      }
    })

    test(`${name}, ${isa}: two sessions at once give what each gives alone`, async () => {
      const options = { mu: 1e-4 }
      const other = network.parameters.map((value) => -value)
      using a = await capped(isa, network, { threads: 2 })
      using b = await capped(isa, network, { threads: 3, weights: { parameters: other } })
      const alone = [
        await a.differences(batch, coordinates, options),
        await b.differences(batch, coordinates, options),
      ] as const
      assert.not.equal(alone[0].values, alone[1].values)
      for (let round = 0; round < 3; ++round) {
        const [left, right] = await Promise.all([
          a.differences(batch, coordinates, options),
          b.differences(batch, coordinates, options),
        ])
        same(left, alone[0], `first session, round ${round}`)
        same(right, alone[1], `second session, round ${round}`)
      }
    })

    test(`${name}, ${isa}: outputs and running statistics do not depend on the threads`, async () => {
      const pass = async (threads: number) => {
        using session = await capped(isa, network, { threads })
        const trained = await session.forward(batch, { statistics: 'batch', updateRunning: true })
        const evaluated = await session.forward(batch)
        return { trained, evaluated, buffers: session.getBuffers() }
      }
      const expected = await pass(1)
      assert.not.equal(expected.buffers, network.buffers)
      for (const threads of THREADS) {
        const found = await pass(threads)
        sameBits(found.trained.outputs, expected.trained.outputs, `${threads} threads, batch statistics`)
        sameBits(
          found.evaluated.outputs,
          expected.evaluated.outputs,
          `${threads} threads, running statistics`,
        )
        sameBits(found.buffers, expected.buffers, `${threads} threads, running statistics after`)
        assert.is(found.trained.loss, expected.trained.loss)
      }
    })
  }
}

test.run()
