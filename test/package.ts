/**
 * The package as a user gets it: `npm run test:package`.
 *
 * A tarball is packed from the checkout and unpacked elsewhere; the binary is built there, from nothing but what the
 * tarball holds, and packed with it. That package is then installed in empty folders, with an empty home, where no
 * compiler can be found, once as npm does by default and once without install scripts and optional dependencies, and
 * used: ESM import, CommonJS require, the command line.
 *
 * Ends with `N passed, N failed, N skipped`; fails when a step fails.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'deepzero-package-'))
const npmCli =
  process.env.npm_execpath ?? join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')

/** Runs a program to its end; throws with what it printed when it fails. Gives its output. */
function run(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): string {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 900_000,
    maxBuffer: 1 << 28,
  })
  if (error) throw error
  if (status !== 0)
    throw new Error(
      `${basename(program)} ${args.join(' ')} ended with ${signal ?? status}\n${stdout}\n${stderr}`,
    )
  return stdout
}

const npm = (folder: string, args: readonly string[], env?: NodeJS.ProcessEnv): string =>
  run(folder, process.execPath, [npmCli, ...args], env)

function pack(folder: string, args: readonly string[] = []): { file: string; files: string[]; size: number } {
  const into = mkdtempSync(join(work, 'tarball-'))
  const text = npm(folder, ['pack', '--json', '--pack-destination', into, ...args])
  // Scripts that npm runs while packing print before the JSON.
  const [packed] = JSON.parse(text.slice(text.search(/^\[$/m))) as [
    { filename: string; size: number; files: { path: string }[] },
  ]
  return { file: join(into, packed.filename), files: packed.files.map(({ path }) => path), size: packed.size }
}

function expect(condition: unknown, message: string): void {
  if (!condition) throw new Error(message)
}

/** An environment with an empty home and a PATH that holds node and a shell, so that no compiler can be found. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const bin = join(work, 'bin')
  const home = join(work, 'home')
  if (!existsSync(bin)) {
    mkdirSync(bin)
    mkdirSync(home)
    symlinkSync(process.execPath, join(bin, 'node'))
    symlinkSync('/bin/sh', join(bin, 'sh'))
  }
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_|NODE_OPTIONS$|CC$|CXX$|DEEPZERO_)/i.test(name) || /^npm_config_registry$/i.test(name),
  )
  // npm's settings live in the home: what reaches the registry, and the cache, are handed over.
  const setting = (name: string): string => npm(root, ['config', 'get', name]).trim()
  return {
    ...Object.fromEntries(kept),
    PATH: bin,
    HOME: home,
    npm_config_registry: setting('registry'),
    npm_config_cache: setting('cache'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  }
}

const smoke = `
import assert from 'node:assert/strict'
import { createSession, DeepZeroError, networkBuilder, version } from 'deepzero-native'
const net = networkBuilder('tiny', [3, 8, 8])
const conv = net.relu('relu', net.batchNorm2d('bn', net.conv2d('conv', net.input, { out: 4, kernel: 3, padding: 1 })))
net.linear('fc', net.globalAvgPool('pool', conv), { out: 3 })
const network = net.build({ seed: 1 })
const session = createSession(network)
const batch = { input: Float32Array.from({ length: 4 * 192 }, (_, i) => Math.sin(i * i)), target: [0, 1, 2, 0] }
const { loss } = await session.forward(batch, { statistics: 'batch' })
assert(loss > 0 && loss < 100)
const all = Uint32Array.from({ length: network.layout.parameterCount }, (_, i) => i)
const { values } = await session.differences(batch, all)
const { values: oracle } = await session.differences(batch, all, { method: 'two-pass-f64' })
const norm = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))
assert(norm(values.map((value, i) => value - oracle[i])) <= 1e-3 * norm(oracle))
await assert.rejects(session.forward({}), DeepZeroError)
session.dispose()
console.log(version, session.device.isa)
`

/** Installs the tarball in an empty folder and uses it. */
function installAndUse(tarball: string, args: readonly string[]): string {
  const env = bareEnvironment()
  const folder = mkdtempSync(join(work, 'user-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }')
  npm(folder, ['install', '--prefer-offline', ...args, tarball], env)
  const node = (...nodeArgs: string[]): string => run(folder, join(work, 'bin/node'), nodeArgs, env)

  writeFileSync(join(folder, 'smoke.mjs'), smoke)
  writeFileSync(join(folder, 'smoke.cjs'), "console.log(typeof require('deepzero-native').createSession)")
  const esm = node('smoke.mjs').trim()
  expect(node('smoke.cjs').trim() === 'function', 'require() did not give createSession')
  const command = join(folder, 'node_modules/.bin/deepzero')
  const version = run(folder, command, ['--version'], env).trim()
  expect(esm.startsWith(`${version} `), `--version says ${version}, the library ${esm}`)
  const doctor = run(folder, command, ['doctor'], env)
  expect(doctor.includes('/prebuilds/'), `doctor names no prebuilt binary:\n${doctor}`)
  // The page's style and script come from the package.
  mkdirSync(join(folder, 'run/checkpoints'), { recursive: true })
  const report = run(folder, command, ['report', 'run'], env)
  expect(report.includes('report.html: 1 run'), `report says\n${report}`)
  const own = join(folder, 'node_modules/deepzero-native')
  expect(!existsSync(join(own, 'build')), 'something was built, though no compiler should be found')
  return `${esm}, ${readdirSync(join(folder, 'node_modules')).length} folders in node_modules`
}

let passed = 0
let failed = 0
/** One step; the ones after a failed step that they need are not run. */
function step<T>(name: string, body: () => T): T | undefined {
  const start = Date.now()
  try {
    const result = body()
    passed += 1
    const note = typeof result === 'string' ? ` (${result})` : ''
    console.log(`ok   ${name}${note}, ${((Date.now() - start) / 1000).toFixed(1)} s`)
    return result
  } catch (error) {
    failed += 1
    console.log(`FAIL ${name}\n${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

try {
  const source = join(work, 'source')
  const packed = step('npm pack', () => pack(root))
  const listed =
    packed &&
    step('the tarball holds what it should and nothing else', () => {
      const { files } = packed
      for (const needed of [
        'CMakeLists.txt',
        'LICENSE',
        'README.md',
        'binding/install.cjs',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'engine/network.cpp',
        'cpu/backend.cpp',
      ]) {
        expect(files.includes(needed), `${needed} is missing`)
      }
      const odd = files.filter(
        (file) =>
          /(^|\/)(test|node_modules|build[^/]*|\.[^/]*)\/|^runs\//.test(file) || /\.(tgz|o|a)$/.test(file),
      )
      expect(odd.length === 0, `unwanted: ${odd.join(' ')}`)
      return `${files.length} files, ${(packed.size / 1e6).toFixed(2)} MB`
    })
  const built =
    listed &&
    step('prebuildify builds from the unpacked tarball alone', () => {
      mkdirSync(source)
      run(source, 'tar', ['xzf', packed.file, '--strip-components=1'])
      rmSync(join(source, 'prebuilds'), { recursive: true, force: true })
      symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
      // The tarball's own modes: npm makes every file readable, but only `bin` executable.
      run(source, 'chmod', ['+x', 'binding/node-gyp-shim.cjs'])
      npm(source, ['run', 'prebuildify'])
      const made = readdirSync(join(source, 'prebuilds'), { recursive: true, encoding: 'utf8' }).filter(
        (file) => file.endsWith('.node'),
      )
      expect(made.length === 1, `expected one binary, found ${made.join(' ') || 'none'}`)
      const binary = made[0] as string
      return `${binary}, ${(statSync(join(source, 'prebuilds', binary)).size / 1e6).toFixed(2)} MB`
    })
  const complete =
    built &&
    step('npm pack with the prebuilt binary', () => {
      rmSync(join(source, 'node_modules'))
      const result = pack(source, ['--ignore-scripts'])
      expect(
        result.files.some((file) => file.startsWith('prebuilds/') && file.endsWith('.node')),
        'no binary in the tarball',
      )
      const kept = process.env.DEEPZERO_KEEP_TARBALL
      if (kept) copyFileSync(result.file, kept)
      return result
    })
  if (complete) {
    step('no compiler can be found where it is installed', () => {
      const { PATH } = bareEnvironment()
      expect(
        readdirSync(PATH as string)
          .sort()
          .join() === 'node,sh',
        `PATH holds ${readdirSync(PATH as string)}`,
      )
    })
    step('installed as npm does by default', () => installAndUse(complete.file, []))
    step('installed without scripts and optional dependencies', () =>
      installAndUse(complete.file, ['--ignore-scripts', '--omit=optional']),
    )
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed > 0 ? 1 : 0
