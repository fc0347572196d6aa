/** The sentences of refusals, and the nearest name. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  checkOptions,
  list,
  nearest,
  requireInteger,
  requireNumber,
  requireOneOf,
  rule,
  show,
} from '../lib/check.ts'
import { DeepZeroError, fromNative, withStackOf } from '../lib/errors.ts'

const message = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    assert.instance(error, DeepZeroError)
    return `${(error as DeepZeroError).code} ${(error as DeepZeroError).message}`
  }
  return 'nothing was thrown'
}

test('expected and received', () => {
  const number = (value: unknown, bounds = {}) => message(() => requireNumber('lr', value, bounds))
  assert.is(number('1'), "ERR_INVALID_ARGUMENT lr: expected a finite number, received '1'")
  assert.is(
    number(Number.NaN, { above: 0 }),
    'ERR_INVALID_ARGUMENT lr: expected a finite number above 0, received NaN',
  )
  assert.is(number(0, { above: 0 }), 'ERR_INVALID_ARGUMENT lr: expected a finite number above 0, received 0')
  assert.is(
    number(1, { min: 0, below: 1 }),
    'ERR_INVALID_ARGUMENT lr: expected a finite number at least 0 and below 1, received 1',
  )
  assert.is(number(1, { min: 0, max: 1 }), 'nothing was thrown')
  assert.is(
    message(() => requireInteger('n', 1.5, { min: 1, max: 4 })),
    'ERR_INVALID_ARGUMENT n: expected an integer from 1 to 4, received 1.5',
  )
  assert.is(
    message(() => requireInteger('n', 2 ** 53)),
    'ERR_INVALID_ARGUMENT n: expected an integer, received 9007199254740992',
  )
  assert.is(
    message(() => requireOneOf('scheme', 'centrl', ['forward', 'central'])),
    "ERR_INVALID_ARGUMENT scheme: expected 'forward' or 'central', received 'centrl'; did you mean 'central'?",
  )
})

test('values are shown by kind', () => {
  const shown: [unknown, string][] = [
    [null, 'null'],
    [-0, '-0'],
    [10n, '10n'],
    [[1, 2], 'an array of 2'],
    [new Uint8Array(3), 'a Uint8Array of 3'],
    [new Map(), 'a Map'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [() => 0, 'a function'],
  ]
  for (const [value, text] of shown) assert.is(show(value), text)
})

test('unknown options are refused, with the nearest name', () => {
  const shape = { batchSize: rule.integer({ min: 1 }), mu: rule.number() }
  checkOptions({ batchSize: 2, mu: undefined }, shape)
  assert.is(
    message(() => checkOptions({ 'batch-sizes': 2 }, shape)),
    "ERR_UNKNOWN_OPTION options: unknown option 'batch-sizes'; did you mean 'batchSize'?",
  )
  assert.is(
    message(() => checkOptions({ lr: 2 }, shape, 'train')),
    "ERR_UNKNOWN_OPTION train: unknown option 'lr'; expected batchSize or mu",
  )
  assert.match(
    message(() => checkOptions({ batchSize: 0 }, shape)),
    'options.batchSize: expected an integer at least 1',
  )
  assert.match(
    message(() => checkOptions({ constructor: 1 }, shape)),
    'ERR_UNKNOWN_OPTION',
  )
  for (const wrong of [null, undefined, 3, []])
    assert.match(
      message(() => checkOptions(wrong, shape)),
      'expected an object',
    )
})

test('nearest', () => {
  assert.is(nearest('sparsty', ['sparsity', 'scheme']), 'sparsity')
  assert.is(nearest('lr', ['mu', 'lr']), 'lr')
  assert.is(nearest('lr', ['mu', 'xy']), undefined)
  assert.is(nearest('something', ['else']), undefined)
  assert.is(list(['a', 'b', 'c']), 'a, b or c')
})

test('native errors become ours by their code, others stay as they are', () => {
  const native = fromNative(Object.assign(new Error('too bad'), { code: 'ERR_SHAPE' }))
  assert.instance(native, DeepZeroError)
  assert.is((native as DeepZeroError).code, 'ERR_SHAPE')
  const system = Object.assign(new Error('no'), { code: 'ENOENT' })
  assert.is(fromNative(system), system)
  const moved = withStackOf(native, new Error('here')) as Error
  assert.match(moved.stack ?? '', /^DeepZeroError: too bad\n {4}at .*check\.test/)
})

test.run()
