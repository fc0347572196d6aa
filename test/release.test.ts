/** The rules of `npm run release:check`: what is in order passes, and each fault is named. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  changelogFaults,
  licenceFaults,
  linkFaults,
  lockFaults,
  versionFaults,
} from './packaging/release-rules.ts'

const content = { name: 'a', version: '1.2.0', license: 'MIT', dependencies: { b: '1.0.0' } }
const lock = {
  version: '1.2.0',
  packages: { '': { version: '1.2.0' }, 'node_modules/b': { version: '1.0.0', integrity: 'sha512-x' } },
}

test('versions', () => {
  assert.equal(versionFaults(content, lock), [])
  assert.match(
    versionFaults({ ...content, version: '1.3.0' }, lock).join('\n'),
    /version is 1.2.0, expected 1.3.0/,
  )
  assert.is(versionFaults({ ...content, version: '1.3' }, lock).length, 3)
  assert.match(versionFaults({ ...content, private: true }, lock)[0]!, /private/)
  assert.match(versionFaults({ ...content, dependencies: { b: '^1.0.0' } }, lock)[0]!, /b is \^1.0.0/)
})

test('lock file', () => {
  assert.equal(lockFaults(lock), [])
  const b = lock.packages['node_modules/b']
  const resolved = { ...b, resolved: 'https://registry.example/b.tgz' }
  assert.match(lockFaults({ packages: { 'node_modules/b': resolved } })[0]!, /resolved at https/)
  assert.match(lockFaults({ packages: { 'node_modules/b': { version: '1.0.0' } } })[0]!, /no integrity/)
  assert.is(lockFaults({ packages: {} }).length, 1)
})

test('changelog', () => {
  const text = '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-01-31\n\n### Added\n\n- Something.\n'
  assert.equal(changelogFaults(text, '1.2.0'), [])
  assert.match(changelogFaults(text, '1.3.0')[0]!, /no section/)
  assert.match(changelogFaults(text.replace(' - 2026-01-31', ''), '1.2.0')[0]!, /no date/)
  assert.match(changelogFaults(text.replace('- Something.', ''), '1.2.0')[0]!, /lists no change/)
})

test('licences', () => {
  const judge = (license: string | undefined, optional = false): string[] =>
    licenceFaults(content, 'MIT License\n', { b: { ...(license ? { license } : {}), optional } })
  for (const free of ['MIT', '(GPL-3.0 OR Apache-2.0)', 'MIT AND ISC']) assert.equal(judge(free), [])
  assert.equal(judge('GPL-3.0'), ['b: licence GPL-3.0'])
  assert.equal(judge(undefined), ['b: licence none'])
  assert.equal(judge('MIT AND LGPL-3.0-or-later'), ['b: licence MIT AND LGPL-3.0-or-later'])
  assert.equal(judge('MIT AND LGPL-3.0-or-later', true), [])
  assert.is(licenceFaults(content, 'All rights reserved\n', {}).length, 1)
})

test('links', () => {
  const exists = (path: string): boolean => path === 'docs/a.md'
  assert.equal(linkFaults('[a](docs/a.md#b) [c](https://example.org) [d](#d)', exists), [])
  assert.equal(linkFaults('[a](docs/b.md)', exists), ['README.md: docs/b.md'])
  assert.is(linkFaults('', exists).length, 1)
})

test.run()
