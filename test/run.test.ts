/** The test runner itself: what it takes for success and for failure. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge } from './run.ts'

const closing = (total: number, passed: number, skipped: number): string =>
  `  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n`

test('counts passes, failures and skips', () => {
  const { passed, failed, skipped, fault } = judge('a', `SKIP: no data\n${closing(5, 4, 2)}`, 1, null)
  assert.equal([passed, failed, skipped, fault], [3, 1, 3, undefined])
})

test('a plain success', () => {
  const { passed, failed, skipped } = judge('a', closing(5, 5, 0), 0, null)
  assert.equal([passed, failed, skipped], [5, 0, 0])
})

test('a file that ran no test, crashed, hung or failed silently is a failure', () => {
  assert.is(judge('a', '', 0, null).fault, 'ran no test')
  assert.is(judge('a', closing(0, 0, 0), 0, null).failed, 1)
  assert.is(judge('a', closing(2, 2, 0), null, 'SIGSEGV').failed, 1)
  assert.is(judge('a', closing(2, 2, 0), 'took longer than 1 s', 'SIGKILL').fault, 'took longer than 1 s')
  assert.is(judge('a', closing(2, 2, 0), 3, null).fault, 'exit code 3')
})

test.run()
