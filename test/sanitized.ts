/**
 * The TypeScript tests that drive the addon hardest, on an addon built with AddressSanitizer and
 * UndefinedBehaviorSanitizer: `npm run test:sanitized [-- PART …]` (by default sessions, the raw surface, getters and random
 * numbers). The build goes to that of the preset asan, which has the flags of cmake-js, so that what both need is
 * compiled once.
 *
 * A sanitizer's report ends the process it happens in, so that the test fails. Leaks are not counted: Node does not free
 * everything when it ends.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
const folder = 'build-asan'

const build = (...args: string[]): unknown =>
  execFileSync(process.execPath, [cmakeJs, ...args, '-O', folder, '-B', 'RelWithDebInfo'], {
    cwd: root,
    stdio: 'inherit',
  })
build('configure', '--CDDEEPZERO_SANITIZE=address,undefined')
build('build', '--target', 'deepzero_native', '--parallel', '2')

const binary = join(root, folder, 'RelWithDebInfo/deepzero_native.node')
if (!existsSync(binary)) throw new Error(`expected the sanitized addon at ${binary}`)

// node-gyp-build looks into build/Release of the folder that DEEPZERO_NATIVE_PREBUILD names.
const home = mkdtempSync(join(tmpdir(), 'deepzero-asan-'))
mkdirSync(join(home, 'build'))
symlinkSync(dirname(binary), join(home, 'build/Release'))

const library = (name: string): string =>
  execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
const parts = process.argv.slice(2)
const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    join(root, 'test/run.ts'),
    ...(parts.length > 0 ? parts : ['session', 'native-load', 'random', 'addon-getters']),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      DEEPZERO_NATIVE_PREBUILD: home,
      LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so')}`,
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
)
rmSync(home, { recursive: true, force: true })
process.exitCode = status ?? 1
