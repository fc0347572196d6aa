/**
 * The addon in its surroundings: which file was loaded, the raw surface against wrong arguments, several threads of
 * JavaScript, and ends of a thread or the process while a call runs.
 */
import { spawn } from 'node:child_process'
import { realpathSync, statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Native, native } from '../lib/native.ts'
import { nativePath } from './fixtures/native-path.ts'

const longCall = fileURLToPath(new URL('./fixtures/long-call.ts', import.meta.url))

test('the loaded binary is the one built here', () => {
  const path = realpathSync(nativePath())
  console.log(`binary: ${path}`)
  const root = fileURLToPath(new URL('..', import.meta.url))
  assert.ok(path.startsWith(root) && statSync(path).size > 0, path)
})

test('device and instruction sets', () => {
  const sets = native.instructionSets()
  assert.is(sets.at(-1), 'scalar')
  const { device, isa } = native.device()
  assert.ok(device === 'cuda' || sets.includes(isa))
})

/** Runs the fixture as a program of its own and gives its exit code or signal. */
function program(action: string): Promise<{ status: number | string | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', longCall, action], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    const collect = (chunk: Buffer): void => {
      text += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('close', (status, signal) => resolve({ status: signal ?? status, text }))
  })
}

test('process.exit while a call runs ends the process with that code', async () => {
  const { status, text } = await program('exit')
  assert.is(status, 7, text)
  assert.match(text, 'running')
})

test('process.exit just after a call was made', async () => {
  const { status, text } = await program('exit-soon')
  assert.is(status, 7, text)
})

test('an uncaught error while a call runs ends the process as Node does', async () => {
  const { status, text } = await program('throw')
  assert.is(status, 1, text)
  assert.match(text, 'unhandled, on purpose')
})

function worker(action: string, onMessage: (worker: Worker) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    // Workers of Node 20 do not take over tsx's hooks: the worker registers them before it loads the fixture.
    const thread = new Worker(
      "const { workerData } = require('node:worker_threads'); import(workerData.tsx).then((api) => (api.register(), import(workerData.file)))",
      {
        eval: true,
        workerData: { action, tsx: import.meta.resolve('tsx/esm/api'), file: pathToFileURL(longCall).href },
      },
    )
    thread.on('message', () => onMessage(thread))
    thread.on('error', reject)
    thread.on('exit', resolve)
  })
}

test('workers are terminated while their calls run, several at once', async () => {
  const start = Date.now()
  const codes = await Promise.all([1, 2, 3].map(() => worker('wait', (thread) => void thread.terminate())))
  assert.equal(codes, [1, 1, 1])
  // Alone, a call takes far longer.
  assert.ok(Date.now() - start < 30_000)
})

test('workers are terminated at any moment', async () => {
  const file = fileURLToPath(new URL('./fixtures/busy-worker.cjs', import.meta.url))
  const end = Date.now() + 5000
  let terminated = 0
  const next = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(file, { workerData: nativePath() })
      thread.on('message', () => setTimeout(() => thread.terminate(), 15 * Math.random()))
      thread.on('error', reject)
      thread.on('exit', resolve)
    })
  const row = async (): Promise<void> => {
    while (Date.now() < end) {
      assert.is(await next(), 1)
      terminated += 1
    }
  }
  await Promise.all([row(), row(), row()])
  assert.ok(terminated > 10, `${terminated}`)
})

test('process.exit in a worker while its call runs', async () => {
  assert.is(await worker('exit', () => {}), 7)
})

test('wrong arguments to the raw surface are errors with a code, never a crash', async () => {
  const spec = {
    format: 'deepzero-network/1',
    name: 'tiny',
    input: [1, 2, 2],
    ops: [
      { op: 'globalAvgPool', name: 'pool', inputs: ['input'] },
      { op: 'linear', name: 'fc', inputs: ['pool'], out: 2, bias: true },
    ],
    loss: 'crossEntropy',
  }
  const loose = native as unknown as {
    [K in keyof Native]: Native[K] extends new (
      ...a: never[]
    ) => infer T
      ? new (
          ...a: unknown[]
        ) => T
      : (...a: unknown[]) => unknown
  }
  const session = new loose.Session(spec, {
    device: 'cpu',
    threads: 1,
    memory: 0,
    devices: [],
    precision: 'f32',
  }) as unknown as Record<string, (...a: unknown[]) => unknown>
  const strange = [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    () => 0,
    Symbol('s'),
    10n,
    new Float64Array(2),
    new Proxy({}, {}),
  ]
  /** A right call of outputDifferences but for one argument. */
  const outputs = (changed: Record<string, unknown>): unknown => {
    const call = {
      batch: { input: new Float32Array(4), labels: null, targets: null, count: 1 },
      weights: { parameters: new Float32Array(4), buffers: new Float32Array() },
      coordinates: new Uint32Array(1),
      options: { mu: 1, scheme: 'forward', statistics: 'batch', updateRunning: false },
      cancel: new native.Cancel(),
      ...changed,
    }
    return session.outputDifferences?.(call.batch, call.weights, call.coordinates, call.options, call.cancel)
  }
  const calls: ((x: unknown) => unknown)[] = [
    (x) => loose.describe(x),
    (x) => loose.describe({ ...spec, format: x }),
    (x) => loose.describe({ ...spec, name: typeof x === 'string' ? 1 : x }),
    (x) => loose.describe({ ...spec, input: x }),
    (x) => loose.describe({ ...spec, input: [1, x === 1 ? -1 : x, 2] }),
    (x) => loose.describe({ ...spec, ops: x }),
    (x) => loose.describe({ ...spec, ops: [x] }),
    (x) => loose.describe({ ...spec, ops: [{ ...spec.ops[0], inputs: x }] }),
    (x) => loose.describe({ ...spec, ops: [spec.ops[0], { ...spec.ops[1], out: x === 1 ? 0 : x }] }),
    (x) => new loose.Session(spec, x),
    (x) => new loose.Session(spec, { device: x, threads: 1, memory: 0, devices: [], precision: 'f32' }),
    (x) =>
      new loose.Session(spec, {
        device: 'cpu',
        threads: x === 1 ? -1 : x,
        memory: 0,
        devices: [],
        precision: 'f32',
      }),
    (x) => session.setParameters?.(x),
    (x) =>
      session.forward?.(
        x,
        { statistics: 'batch', updateRunning: false, labelSmoothing: 0 },
        new native.Cancel(),
      ),
    (x) =>
      session.forward?.(
        { input: new Float32Array(4), labels: null, targets: null, count: 1 },
        x,
        new native.Cancel(),
      ),
    (x) =>
      session.forward?.(
        { input: new Float32Array(4), labels: null, targets: null, count: 1 },
        { statistics: 'batch', updateRunning: false, labelSmoothing: 0 },
        x,
      ),
    (x) => outputs({ batch: x }),
    (x) => outputs({ weights: x }),
    (x) => outputs({ weights: { parameters: x, buffers: new Float32Array() } }),
    (x) => outputs({ weights: { parameters: new Float32Array(4), buffers: x } }),
    (x) => outputs({ coordinates: x }),
    (x) => outputs({ options: x }),
    (x) =>
      outputs({
        options: { mu: x === 1 ? '1' : x, scheme: 'forward', statistics: 'batch', updateRunning: false },
      }),
    (x) => outputs({ options: { mu: 1, scheme: x, statistics: 'batch', updateRunning: false } }),
    (x) => outputs({ cancel: x }),
    (x) => loose.randomWords(x === 1 ? 0.5 : x, 1, 0, 0, new Uint32Array(1)),
    (x) => loose.randomWords(1, 1, 0, 0, x),
    (x) => loose.randomNormal(1, 1, 0, 0, x),
  ]
  let refused = 0
  for (const [i, call] of calls.entries()) {
    for (const [j, value] of strange.entries()) {
      try {
        call(value)
        assert.unreachable(`call ${i} took argument ${j}`)
      } catch (error) {
        if (error instanceof assert.Assertion) throw error
        assert.match(String((error as { code?: string }).code), /^ERR_/, `call ${i}, argument ${j}: ${error}`)
        refused += 1
      }
    }
  }
  assert.is(refused, calls.length * strange.length)
  // The right call is one: K = 2 outputs of one coordinate.
  assert.is(((await outputs({})) as Float32Array).length, 2)
  session.dispose?.()
})

test('a getter that throws in a network passes its error on', () => {
  const failure = new RangeError('mine')
  const spec = {
    get format(): string {
      throw failure
    },
  }
  try {
    native.describe(spec as never)
    assert.unreachable()
  } catch (error) {
    assert.is(error, failure)
  }
})

test.run()
