/** A user's project with the package installed, and the ways to use it there. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, ends, expect, npm, root, run } from './process.ts'

export interface Project {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
}

/** An empty folder with a package.json. */
export function emptyProject(work: string, env: NodeJS.ProcessEnv): Project {
  const folder = mkdtempSync(join(work, 'user-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }')
  return { folder, env }
}

export function install(project: Project, tarball: string, args: readonly string[] = []): Project {
  npm(project.folder, ['install', '--prefer-offline', ...args, tarball], project.env)
  return project
}

export const packageFolder = ({ folder }: Project): string => join(folder, 'node_modules/deepzero-native')

const node = ({ folder, env }: Project, ...args: string[]): string =>
  run(folder, process.execPath, args, env).trim()

export const deepzero = ({ folder, env }: Project, ...args: string[]): Ended =>
  ends(folder, join(folder, 'node_modules/.bin/deepzero'), args, env)

/** The report of `deepzero doctor --json`. */
export function doctor(
  project: Project,
): Record<string, unknown> & { rejected: { reason: string; remedy: string }[] } {
  const { stdout, stderr } = deepzero(project, 'doctor', '--json')
  expect(stdout.startsWith('{'), `doctor printed no report:\n${stdout}${stderr}`)
  return JSON.parse(stdout)
}

/** Trains for a step and checks estimates against two float64 passes; prints version and instruction set. */
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

export function esm(project: Project): string {
  writeFileSync(join(project.folder, 'smoke.mjs'), smoke)
  return node(project, 'smoke.mjs')
}

export function commonJs(project: Project): void {
  writeFileSync(
    join(project.folder, 'smoke.cjs'),
    "const { createSession, cnn } = require('deepzero-native')\nconsole.log(createSession(cnn(1, 4)).device.device)",
  )
  expect(node(project, 'smoke.cjs') === 'cpu', 'require() gave no session on the CPU')
}

/** The main thread and three workers use the addon at once. */
export function workerThreads(project: Project): void {
  writeFileSync(
    join(project.folder, 'workers.mjs'),
    `import { isMainThread, Worker } from 'node:worker_threads'
import { cnn, createSession } from 'deepzero-native'
const session = createSession(cnn(1, 4, { seed: 1 }), { threads: 1 })
const batch = { input: Float32Array.from({ length: 2 * 3072 }, (_, i) => Math.sin(i)), target: [0, 1] }
const { loss } = await session.forward(batch, { statistics: 'batch' })
session.dispose()
console.log(loss)
if (isMainThread) {
  const file = new URL(import.meta.url)
  const codes = await Promise.all([1, 2, 3].map(() => new Promise((done) => new Worker(file).on('exit', done))))
  if (codes.some((code) => code !== 0)) process.exit(1)
}`,
  )
  const losses = node(project, 'workers.mjs').split('\n')
  expect(
    losses.length === 4 && new Set(losses).size === 1,
    `expected one loss from four threads, received ${losses}`,
  )
}

const typed = `
import { builtin, cnn, DeepZeroError, type ErrorCode, train, type TrainEvent } from 'deepzero-native'

export async function accuracies(epochs: number): Promise<readonly number[]> {
  const found: number[] = []
  try {
    const events: AsyncIterable<TrainEvent> = train(cnn(1, 4), builtin({ train: 100, test: 50 }), { epochs, batchSize: 50 })
    for await (const event of events)
      if (event.type === 'epoch' && event.testAccuracy !== null) found.push(event.testAccuracy)
  } catch (error) {
    if (!(error instanceof DeepZeroError)) throw error
    const code: ErrorCode = error.code
    console.error(code)
  }
  return found
}

// @ts-expect-error an option that does not exist
train(cnn(1, 4), builtin(), { epoch: 1 })
`

/** Compiles under strict settings, once for each way in which TypeScript finds packages; types come from the package. */
export function typeScript(project: Project): void {
  writeFileSync(join(project.folder, 'typed.mts'), typed)
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    writeFileSync(
      join(project.folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'es2022',
          lib: ['es2022', 'dom'],
          module,
          moduleResolution,
          types: [],
          strict: true,
          noUncheckedIndexedAccess: true,
          exactOptionalPropertyTypes: true,
          noPropertyAccessFromIndexSignature: true,
          verbatimModuleSyntax: true,
          isolatedModules: true,
          skipLibCheck: false,
          noEmit: true,
        },
        files: ['typed.mts'],
      }),
    )
    node(project, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')
  }
}

/** A bundle with the package left out runs; one that swallows it says what to do. */
export function bundle(project: Project): void {
  const { folder, env } = project
  const esbuild = (out: string, ...args: string[]): string =>
    run(
      folder,
      join(root, 'node_modules/esbuild/bin/esbuild'),
      ['smoke.mjs', '--bundle', '--platform=node', '--format=esm', `--outfile=${out}`, ...args],
      env,
    )
  esbuild('bundle/app.mjs', '--external:deepzero-native')
  expect(/^\d+\.\d+\.\d+ \w+$/.test(node(project, 'bundle/app.mjs')), 'the bundle printed something else')

  esbuild(
    'bundle/whole.mjs',
    "--banner:js=import { createRequire as makeRequire } from 'node:module'; globalThis.require = makeRequire(import.meta.url)",
  )
  const { status, stderr } = ends(folder, process.execPath, ['bundle/whole.mjs'], env)
  expect(status !== 0 && /external/.test(stderr), `a bundle that swallowed the package says: ${stderr}`)
}

/** The demo with one of its epochs. */
export function demo(project: Project): string {
  const { status, stdout, stderr } = deepzero(project, 'demo', '--epochs', '1', '--run', 'demo')
  expect(status === 0, `demo ended with ${status}\n${stdout}${stderr}`)
  const [, accuracy] = /(\d[\d.]*) % with forward passes only/.exec(stdout) ?? []
  // One epoch of ten classes: more than twice chance.
  expect(Number(accuracy) > 20, `expected an accuracy above 20 %, printed:\n${stdout}`)
  expect(existsSync(join(project.folder, 'demo/metrics.jsonl')), 'no run directory was written')
  return `${accuracy} %`
}

/** A page about the demo's run, whose style and script come from the package. */
export function report(project: Project): void {
  const { status, stdout, stderr } = deepzero(project, 'report', 'demo')
  const written = existsSync(join(project.folder, 'report.html'))
  // The name may be bold.
  expect(status === 0 && written && /report\.html.*: 1 run/.test(stdout), `${status}\n${stdout}${stderr}`)
}

/** As on a Node.js that is older than the package needs: command line and library name both versions. */
export function oldNode(project: Project): void {
  const file = join(packageFolder(project), 'package.json')
  const content = readFileSync(file, 'utf8')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(content), engines: { node: '>=99.1' } }))
  const { status, stderr } = deepzero(project, 'doctor')
  expect(status === 3 && /expected Node\.js 99\.1 or newer, received \d/.test(stderr), `${status}\n${stderr}`)
  const call = ends(
    project.folder,
    process.execPath,
    ['-e', "require('deepzero-native').cnn(1, 4)"],
    project.env,
  )
  expect(/ERR_NATIVE_LOAD/.test(call.stderr) && /use Node\.js 99\.1 or newer/.test(call.stderr), call.stderr)
  writeFileSync(file, content)
}

/** That the command line works and says which binary it has. */
export function commandLine(project: Project, origin: 'prebuilt' | 'built'): string {
  const { stdout } = deepzero(project, '--version')
  const facts = doctor(project)
  expect(stdout.trim() === facts.version, `--version says ${stdout.trim()}, doctor ${facts.version}`)
  expect(facts.origin === origin, `doctor says ${facts.origin}, expected ${origin}`)
  expect(String(facts.binary).startsWith(packageFolder(project)), `doctor names ${facts.binary}`)
  expect(
    existsSync(join(packageFolder(project), 'build')) === (origin === 'built'),
    `${origin}, and a folder build`,
  )
  return `${facts.isa}, ${readdirSync(join(project.folder, 'node_modules')).length} folders in node_modules`
}
