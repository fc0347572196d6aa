// npm's install script: what it says, and what it hands to the build from source. A stand-in for cmake-js shows that.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = mkdtempSync(join(tmpdir(), 'deepzero-install-'))
test.after(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, 'binding'))
mkdirSync(join(root, 'node_modules/cmake-js/bin'), { recursive: true })
copyFileSync(
  fileURLToPath(new URL('../binding/install.cjs', import.meta.url)),
  join(root, 'binding/install.cjs'),
)
writeFileSync(
  join(root, 'node_modules/cmake-js/bin/cmake-js.js'),
  'console.log(JSON.stringify(process.argv.slice(2)))',
)

function install(settings: Readonly<Record<string, string>>): { args: string[]; said: string } {
  const { DEEPZERO_CUDA: _, ...env } = process.env
  const script = join(root, 'binding/install.cjs')
  const { stdout, stderr } = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: { ...env, ...settings },
  })
  return { args: JSON.parse(stdout), said: stderr }
}

test('DEEPZERO_CUDA reaches CMake, and the first line tells how long it takes', () => {
  const plain = install({})
  assert.equal(plain.args, ['compile', '--parallel', '2'])
  assert.match(plain.said, /about five .*DEEPZERO_CUDA=OFF/)
  assert.equal(install({ DEEPZERO_CUDA: 'OFF' }).args, [...plain.args, '--CDDEEPZERO_CUDA=OFF'])
})

test.run()
