// The addon by itself: arguments with getters, JavaScript that runs while a call is being put together. The library hands
// over plain objects; whatever comes, the addon must answer and not crash.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type NativeDifferencesOptions, native } from '../lib/native.ts'
import { networkByName } from '../lib/networks/index.ts'

const network = networkByName('cnn-1x2', { seed: 1 })
const options: NativeDifferencesOptions = {
  mu: 1e-3,
  scheme: 'forward',
  statistics: 'batch',
  method: 'propagation',
  updateRunning: false,
  labelSmoothing: 0,
}
const random = { ...options, count: 2, first: 0, seed: 1, directions: 'sphere' } as const
const coordinates = Uint32Array.of(0, 7)

function open() {
  const choice = { device: 'cpu', devices: [], threads: 1, memory: 0, precision: 'f32' } as const
  const session = new native.Session(network.spec, choice)
  session.setParameters(network.parameters)
  session.setBuffers(network.buffers)
  return session
}
type Session = ReturnType<typeof open>
const batchOf = () => ({
  input: new Float32Array(2 * 3 * 32 * 32).map((_, i) => Math.sin(i)),
  labels: Int32Array.of(0, 1),
  targets: null,
  count: 2,
})
const cancel = () => new native.Cancel()

/** `object` with a getter in the place of `name` that does something before it answers. */
const meddling = <T extends object>(object: T, name: keyof T, work: () => void): T =>
  Object.defineProperty({ ...object }, name, {
    get() {
      work()
      return object[name]
    },
  })

type Batch = ReturnType<typeof batchOf>
const calls: Readonly<
  Record<string, (session: Session, batch: Batch, meddle: () => void) => Promise<unknown>>
> = {
  forward: (session, batch, meddle) =>
    session.forward(batch, meddling(options, 'statistics', meddle), cancel()),
  differences: (session, batch, meddle) =>
    session.differences(batch, coordinates, meddling(options, 'mu', meddle), cancel(), null),
  randomDifferences: (session, batch, meddle) =>
    session.randomDifferences(batch, null, meddling(random, 'seed', meddle), cancel(), null),
  outputDifferences: (session, batch, meddle) =>
    session.outputDifferences(
      batch,
      meddling({ parameters: network.parameters, buffers: network.buffers }, 'buffers', meddle),
      coordinates,
      options,
      cancel(),
    ),
}

/** The code that a call ends with, thrown or rejected; undefined when all goes well. */
const outcome = async (call: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await call()
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name}: a getter that disposes the session`, async () => {
    const session = open()
    assert.is(await outcome(() => call(session, batchOf(), () => session.dispose())), 'ERR_DISPOSED')
    const other = open()
    const batch = meddling(batchOf(), 'count', () => other.dispose())
    assert.is(await outcome(() => call(other, batch, () => {})), 'ERR_DISPOSED')
  })

  test(`${name}: a getter that starts another call`, async () => {
    const session = open()
    let first: Promise<unknown> | undefined
    const begin = (): void => {
      first ??= session.forward(batchOf(), options, cancel())
    }
    assert.is(await outcome(() => call(session, batchOf(), begin)), 'ERR_BUSY')
    await first
    session.dispose()
  })

  test(`${name}: a getter that takes the images away`, async () => {
    const session = open()
    const given = batchOf()
    const batch = meddling(given, 'count', () =>
      structuredClone(given.input, { transfer: [given.input.buffer] }),
    )
    assert.is(await outcome(() => call(session, batch, () => {})), 'ERR_SHAPE')
    session.dispose()
  })
}

test.run()
