// How the closed loop calls f: concurrency, batches, retries, budget, errors, abort. None of it changes a bit.
import { setImmediate, setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cge, DeepZeroError, type RgeOptions, rge } from '../lib/index.ts'

const theta = Float32Array.from({ length: 13 }, (_, i) => Math.cos(i))
const f = (x: ArrayLike<number>): number => {
  let sum = 0.1
  for (let i = 0; i < x.length; ++i) sum += Math.sin(3 * x[i]! + i) / (1 + x[i]! ** 2)
  return sum
}

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.unreachable('expected a rejection'),
    (reason: unknown) => reason,
  )

const coded = (error: unknown, code: string, pattern: RegExp): void => {
  assert.instance(error, DeepZeroError)
  assert.is((error as DeepZeroError).code, code)
  assert.match((error as DeepZeroError).message, pattern)
}

test('concurrency, batches and retries do not change a bit', async () => {
  const plain = { cge: await cge(f, theta), rge: await rge(f, theta, { count: 11 }) }
  const options = fc.record({
    concurrency: fc.integer({ min: 1, max: 20 }),
    batchSize: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    retries: fc.constant(3),
    async: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.infiniteStream(fc.nat(3)),
      fc.constantFrom('cge' as const, 'rge' as const),
      async ({ concurrency, batchSize, retries, async }, chance, name) => {
        let [running, most, lost] = [0, 0, 0]
        /** Waits and fails by chance, but a point not more often than it is tried. */
        const failed = new Map<string, number>()
        const call = async <V>(key: string, size: number, work: () => V): Promise<V> => {
          most = Math.max(most, ++running)
          for (let wait = chance.next().value as number; async && wait > 0; --wait) await setImmediate()
          running -= 1
          const before = failed.get(key) ?? 0
          if (before < retries && chance.next().value === 0) {
            failed.set(key, before + 1)
            lost += size
            throw new Error('by chance')
          }
          return work()
        }
        const rest = name === 'rge' ? { count: 11 } : {}
        const estimate: typeof cge = name === 'rge' ? rge : cge
        const result =
          batchSize === undefined
            ? await estimate((x: Float32Array) => call(String(x), 1, () => f(x)), theta, {
                ...rest,
                concurrency,
                retries,
              })
            : await estimate(
                (xs: Float32Array[]) => {
                  assert.ok(xs.length <= batchSize)
                  return call(String(xs[0]), xs.length, () => Float64Array.from(xs, f))
                },
                theta,
                { ...rest, concurrency, retries, batchSize },
              )
        assert.ok(most <= concurrency, `${most} at a time`)
        assert.equal({ ...result, queries: result.queries - lost }, plain[name])
      },
    ),
    { numRuns: 150 },
  )
})

test('as many calls as allowed are in flight, and every batch but the last is full', async () => {
  let [running, most] = [0, 0]
  const sizes: number[] = []
  const many = async (points: Float32Array[]): Promise<number[]> => {
    sizes.push(points.length)
    most = Math.max(most, ++running)
    await setImmediate()
    running -= 1
    return points.map(f)
  }
  await cge(many, theta, { batchSize: 4, concurrency: 3 })
  assert.equal(sizes, [4, 4, 4, 2])
  assert.is(most, 3)
})

test('progress counts values, to the total; what it throws ends the estimate', async () => {
  const seen: [number, number][] = []
  await rge((xs) => xs.map(f), theta, {
    count: 6,
    batchSize: 3,
    onProgress: (done, total) => seen.push([done, total]),
  })
  assert.equal(seen, [
    [3, 7],
    [6, 7],
    [7, 7],
  ])
  const fault = new Error('in the callback')
  let calls = 0
  const counting = (x: Float32Array): number => {
    calls += 1
    return f(x)
  }
  const onProgress = (done: number): void => {
    if (done === 2) throw fault
  }
  assert.is(await rejection(cge(counting, theta, { onProgress })), fault)
  assert.is(calls, 2)
})

test('the error of f comes out as it is; running calls end before, none is started after', async () => {
  const fault = new RangeError('no such place')
  const { stack } = fault
  for (const sync of [true, false]) {
    let [started, running] = [0, 0]
    const failing = (x: Float32Array): number | Promise<number> => {
      started += 1
      if (started === 5 && sync) throw fault
      if (started === 5) return Promise.reject(fault)
      running += 1
      return setTimeout(5).then(() => {
        running -= 1
        return f(x)
      })
    }
    const error = await rejection(cge(failing, theta, { concurrency: 5 }))
    assert.is(error, fault)
    assert.is(fault.stack, stack)
    assert.is(running, 0)
    assert.is(started, 5)
  }
  const ours = new DeepZeroError('ERR_DATA', 'of a function that uses this package')
  const ownStack = ours.stack
  assert.is(await rejection(cge(() => Promise.reject(ours), theta)), ours)
  assert.is(ours.stack, ownStack)
})

test('retries: so many and no more', async () => {
  const fault = new Error('always')
  let calls = 0
  const failing = (): never => {
    calls += 1
    throw fault
  }
  assert.is(await rejection(cge(failing, theta, { retries: 3, retryDelay: 1 })), fault)
  assert.is(calls, 4)
})

test('the delay before a retry doubles', async () => {
  const called: number[] = []
  const failing = (): never => {
    called.push(performance.now())
    throw new Error('always')
  }
  await rejection(cge(failing, theta, { retries: 3, retryDelay: 25 }))
  // Timers have whole milliseconds: one may end that much early, and as late as it likes.
  for (const [i, least] of [25, 50, 100].entries()) {
    const waited = called[i + 1]! - called[i]!
    assert.ok(waited >= least - 2, `retry ${i + 1}: expected ${least} ms, waited ${waited}`)
  }
})

test('a call that is tried again gets its point anew', async () => {
  let calls = 0
  const spoiling = (x: Float32Array): number => {
    const value = f(x)
    x.fill(0)
    calls += 1
    if (calls % 2 === 1) throw new Error('after the point was overwritten')
    return value
  }
  const { gradient } = await cge(spoiling, theta, { retries: 1 })
  assert.equal(gradient, (await cge(f, theta)).gradient)
})

test('a value that is no finite number names its place and is not asked for again', async () => {
  const at = (bad: unknown, place: number) => {
    let calls = 0
    return (): number => (calls++ === place ? (bad as number) : 1)
  }
  const retries = 2
  const error = await rejection(cge(at(Number.NaN, 8), theta, { retries }))
  coded(error, 'ERR_NOT_FINITE', /^f at θ \+ μ·e\[7\]: expected a finite number, received NaN$/)
  assert.match((error as Error).stack ?? '', /estimators-calls\.test\.ts/)
  coded(await rejection(cge(at(1n, 0), theta, { retries })), 'ERR_NOT_FINITE', /^f at θ: .* received 1n$/)
  coded(
    await rejection(cge(at(undefined, 3), theta, { scheme: 'central' })),
    'ERR_NOT_FINITE',
    /^f at θ − μ·e\[1\]: .* undefined$/,
  )
  coded(
    await rejection(rge(at('7', 2), theta, { count: 4, first: 10 })),
    'ERR_NOT_FINITE',
    /μ·u\[11\]: .*'7'/,
  )
  const batch = (values: unknown) =>
    rejection(cge((() => values) as unknown as () => number[], theta, { batchSize: 14 }))
  coded(await batch([1, 2]), 'ERR_INVALID_ARGUMENT', /^f: expected an array of 14 values .* an array of 2$/)
  coded(await batch(undefined), 'ERR_INVALID_ARGUMENT', /^f: expected an array .* received undefined$/)
  coded(await batch(1), 'ERR_INVALID_ARGUMENT', /^f: expected an array of 14 values .* received 1$/)
  coded(await batch(null), 'ERR_INVALID_ARGUMENT', /received null$/)
})

test('budget: refused before any call when too small, never exceeded by retries', async () => {
  let calls = 0
  const once = new Set<number>()
  /** Every call fails once. */
  const flaky = (x: Float32Array): number => {
    calls += 1
    const value = f(x)
    if (once.has(value)) return value
    once.add(value)
    throw new Error(`call ${calls}`)
  }
  const retries = 5
  coded(
    await rejection(cge(flaky, theta, { budget: 13, retries })),
    'ERR_INVALID_ARGUMENT',
    /options\.budget: expected at least 14, the evaluations of this estimate, received 13/,
  )
  assert.is(calls, 0)
  // 14 needed and 3 to spare: the fourth query to fail is the end, at call 7.
  assert.is(((await rejection(cge(flaky, theta, { budget: 17, retries }))) as Error).message, 'call 7')
  assert.is(calls, 7)
  once.clear()
  assert.is((await cge(flaky, theta, { budget: 28, retries })).queries, 28)
  assert.is((await cge(f, theta, { budget: 14 })).queries, 14)

  // Batches of 5: two may be tried again with 10 to spare, a third may not.
  once.clear()
  const batches = (xs: Float32Array[]): number[] => [flaky(xs[0] as Float32Array), ...xs.slice(1).map(f)]
  await cge(batches, theta, { budget: 28, batchSize: 5, retries })
  once.clear()
  calls = 0
  const third = await rejection(cge(batches, theta, { budget: 27, batchSize: 5, retries }))
  assert.is((third as Error).message, 'call 5')
})

test('abort: before any call, between calls, and while f hangs', async () => {
  const reason = new Error('enough')
  const never = (): number => assert.unreachable('f was called') as never
  const early = await rejection(cge(never, theta, { signal: AbortSignal.abort(reason) }))
  coded(early, 'ERR_ABORTED', /the estimate was aborted/)
  assert.is((early as Error).cause, reason)

  const between = new AbortController()
  let calls = 0
  const stopping = (x: Float32Array): number => {
    calls += 1
    if (calls === 4) between.abort()
    return f(x)
  }
  coded(await rejection(cge(stopping, theta, { signal: between.signal })), 'ERR_ABORTED', /aborted/)
  assert.is(calls, 4)

  const hanging = new AbortController()
  calls = 0
  const hangs = (): Promise<number> => {
    calls += 1
    return new Promise(() => {})
  }
  const waiting = rejection(cge(hangs, theta, { signal: hanging.signal, concurrency: 3 }))
  await setImmediate()
  hanging.abort(reason)
  const error = await waiting
  coded(error, 'ERR_ABORTED', /aborted/)
  assert.match((error as Error).stack ?? '', /estimators-calls\.test\.ts/)
  assert.is(calls, 3)

  const delayed = new AbortController()
  const failing = (): number => {
    globalThis.setTimeout(() => delayed.abort(), 1)
    throw new Error('again')
  }
  const options = { signal: delayed.signal, retries: 1, retryDelay: 1e9 }
  coded(await rejection(cge(failing, theta, options)), 'ERR_ABORTED', /aborted/)
})

test('timers and signals work beside a synchronous f', async () => {
  const busy = (x: Float64Array): number => {
    const until = performance.now() + 1
    while (performance.now() < until);
    return f(x)
  }
  // Ten seconds of work, unless the signal gets its turn.
  const estimate = cge(busy, new Float64Array(10_000), { signal: AbortSignal.timeout(30) })
  coded(await rejection(estimate), 'ERR_ABORTED', /aborted/)
})

test('types: f follows θ and batchSize', async () => {
  const single = Float64Array.of(1, 2)
  const { gradient } = await cge((x) => x[0]! * x[1]!, single, { mu: 2 ** -10 })
  const typed: Float64Array = gradient
  assert.equal(typed, Float64Array.of(2, 1))
  const options: RgeOptions & { batchSize: number } = { batchSize: 2 }
  await rge((xs) => xs.map((x) => x[0]!), single, options)
  // @ts-expect-error float32 points for a function of float64 ones
  const wrongType = cge((x: Float64Array) => x[0]!, Float32Array.of(1))
  await wrongType
  const one = (xs: Float64Array[]): number => xs.length
  // @ts-expect-error one value for many points
  const wrongValue = rejection(cge(one, single, options))
  coded(await wrongValue, 'ERR_INVALID_ARGUMENT', /^f: expected an array of 2 values/)
})

test.run()
