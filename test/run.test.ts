/** The test runner itself: what it takes for success and for failure. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { promised, skip, testUnless } from './fixtures/skip.ts'
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

/** What work prints, with or without the variable CI. */
function printed(ci: string | undefined, work: () => void): string {
  const [before, log] = [process.env.CI, console.log]
  let text = ''
  console.log = (line: string) => {
    text += `${line}\n`
  }
  if (ci === undefined) delete process.env.CI
  else process.env.CI = ci
  try {
    work()
  } finally {
    console.log = log
    if (before === undefined) delete process.env.CI
    else process.env.CI = before
  }
  return text
}

test('a skip is a line that is counted; in CI a program that is installed there must be there', () => {
  assert.is(
    judge('a', `• ${printed(undefined, () => skip('x', 'chromium'))}${closing(1, 1, 0)}`, 0, null).skipped,
    1,
  )
  assert.is(
    printed('true', () => skip('no data')),
    '\nSKIP: no data\n',
  )
  assert.throws(
    () => printed('true', () => skip('no browser', 'chromium')),
    /no browser; \.ci\/run installs chromium/,
  )
  const run: [string, (context: object) => unknown][] = []
  const register = (name: string, body: (context: object) => unknown): void => void run.push([name, body])
  testUnless('no data', undefined, register)('a', () => assert.unreachable())
  testUnless(null, undefined, register)('b', () => console.log('ran'))
  assert.equal(
    run.map(([name, body]) => [name, printed(undefined, () => void body({}))]),
    [
      ['a', '\nSKIP: a: no data\n'],
      ['b', 'ran\n'],
    ],
  )
})

test('.ci/run installs what skips count on', () => {
  const needed = readFileSync(new URL('../.ci/run', import.meta.url), 'utf8').match(
    /^needed=\(\n([^)]*)\)/m,
  )![1]!
  const packages = needed
    .trim()
    .split(/\s+/)
    .map((entry) => entry.split(':')[1])
  for (const name of promised) assert.ok(packages.includes(name), `${name} is not in ${packages}`)
})

test.run()
