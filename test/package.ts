/**
 * The package as a user gets it: `npm run test:package`.
 *
 * A tarball is packed from the checkout and unpacked elsewhere; the binary is built there, from nothing but what the
 * tarball holds, and packed with it. That package is then installed in empty folders, with an empty home:
 *
 * - where no compiler can be found, and used in every way that the documentation offers;
 * - without install scripts and optional dependencies;
 * - without a prebuilt binary, with compilers and no network: it builds from source; without compilers it says what it
 *   needs;
 * - with damaged binaries: the reason is named, and where there are compilers it builds from source.
 *
 * Ends with `N passed, N failed, N skipped`; fails when a step fails.
 */
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withinBaseline } from './packaging/baseline.ts'
import { makeCrash, truncate } from './packaging/damage.ts'
import { bare, withCompilers, withoutNetwork } from './packaging/environment.ts'
import { ends, expect, npmCli, npmEnds, root, run } from './packaging/process.ts'
import { conclude, step } from './packaging/steps.ts'
import {
  binaries,
  megabytes,
  needed,
  pack,
  prebuild,
  sizeLimit,
  type Tarball,
  unpackToBuild,
  unwanted,
} from './packaging/tarball.ts'
import {
  bundle,
  commandLine,
  commonJs,
  deepzero,
  demo,
  doctor,
  emptyProject,
  esm,
  install,
  oldNode,
  report,
  typeScript,
  workerThreads,
} from './packaging/uses.ts'

const work = mkdtempSync(join(tmpdir(), 'deepzero-package-'))
const source = join(work, 'source')
const offline = withoutNetwork()

function makeTarballs(): { complete: Tarball; binary: string } | undefined {
  const packed = step('npm pack', () => pack(work, root))
  if (!packed) return undefined
  step('the tarball holds what it should and nothing else', () => {
    const missing = needed.filter((file) => !packed.files.includes(file))
    expect(missing.length === 0, `missing: ${missing.join(' ')}`)
    const odd = unwanted(packed.files)
    expect(odd.length === 0, `unwanted: ${odd.join(' ')}`)
    return `${packed.files.length} files, ${megabytes(packed.size)}`
  })
  const binary = step('prebuildify builds from the unpacked tarball alone', () => {
    unpackToBuild(packed, source)
    return prebuild(source, 'prebuildify')
  })
  if (!binary) return undefined
  step('the binaries keep to the stated baseline', () =>
    binaries(source)
      .map(({ path, size }) => `${megabytes(size)}, ${withinBaseline(path)}`)
      .join('; '),
  )
  const complete = step('npm pack with the prebuilt binary', () => {
    const result = pack(work, source, ['--ignore-scripts'])
    expect(result.files.includes(`prebuilds/${binary}`), 'no binary in the tarball')
    const kept = process.env.DEEPZERO_KEEP_TARBALL
    if (kept) copyFileSync(result.file, kept)
    return result
  })
  if (!complete) return undefined
  step(`packed, it has less than ${megabytes(sizeLimit)}`, () => {
    expect(complete.size < sizeLimit, `${megabytes(complete.size)}`)
    return megabytes(complete.size)
  })
  return { complete, binary }
}

function usedEverywhere(tarball: string): void {
  const project = step('installed as npm does by default, without compilers', () =>
    install(emptyProject(work, bare(work)), tarball),
  )
  if (!project) return
  step('command line: prebuilt binary', () => commandLine(project, 'prebuilt'))
  step('ES module', () => esm(project))
  step('CommonJS', () => commonJs(project))
  step('worker threads', () => workerThreads(project))
  step('TypeScript, strict', () => typeScript(project))
  step('esbuild', () => bundle(project))
  step('demo, one epoch', () => demo(project))
  step('report of the demo', () => report(project))
}

function withoutScripts(tarball: string): void {
  step('installed without scripts and optional dependencies', () => {
    const project = install(emptyProject(work, bare(work)), tarball, ['--ignore-scripts', '--omit=optional'])
    commonJs(project)
    oldNode(project)
    return `${esm(project)}, ${commandLine(project, 'prebuilt')}`
  })
}

/** Installs with the compilers of this machine, from npm's cache alone, without a network where that can be cut off. */
function buildsFromSource(tarball: string): string {
  const project = emptyProject(work, withCompilers(work))
  const [program = process.execPath, ...before] = [...offline, process.execPath]
  run(project.folder, program, [...before, npmCli, 'install', '--offline', tarball], project.env)
  commonJs(project)
  return `${esm(project)}, ${commandLine(project, 'built')}${offline.length > 0 ? ', no network' : ''}`
}

function withoutBinary(tarball: string): void {
  step('without a prebuilt binary: built from source at installation', () => buildsFromSource(tarball))
  step('without a prebuilt binary and compilers: npm install says what it needs', () => {
    const project = emptyProject(work, bare(work))
    const { status, stderr } = npmEnds(project.folder, ['install', '--prefer-offline', tarball], project.env)
    expect(status !== 0, 'npm install succeeded')
    expect(/there is no prebuilt binary/.test(stderr), stderr)
    expect(/needs CMake 3\.25 or newer.* and a C\+\+20 compiler/.test(stderr), stderr)
  })
}

function damaged(complete: string, crashing: string): void {
  step('a damaged binary, without scripts: the package imports, doctor names reason and remedy', () => {
    const project = install(emptyProject(work, bare(work)), complete, ['--ignore-scripts', '--omit=optional'])
    const binary = String(doctor(project).binary)
    const said: string[] = []
    for (const damage of [makeCrash, truncate]) {
      damage(binary)
      const { folder, env } = project
      run(folder, process.execPath, ['-e', "require('deepzero-native')"], env)
      const call = ends(folder, process.execPath, ['-e', "require('deepzero-native').cnn(1, 4)"], env)
      expect(
        call.status === 1 && /ERR_NATIVE_LOAD/.test(call.stderr),
        `${call.signal ?? call.status}\n${call.stderr}`,
      )
      const { rejected } = doctor(project)
      expect(deepzero(project, 'doctor').status === 3, 'doctor did not end with exit code 3')
      expect(
        rejected.length === 1 && /install the package again/.test(rejected[0]!.remedy),
        JSON.stringify(rejected),
      )
      said.push(rejected[0]!.reason)
    }
    expect(/^crashes .*SIG/.test(said[0]!) && /^damaged/.test(said[1]!), said.join('\n'))
    return said.join('; ')
  })
  step('a binary that crashes: built from source at installation', () => buildsFromSource(crashing))
}

try {
  const made = makeTarballs()
  if (made) {
    const { complete, binary } = made
    usedEverywhere(complete.file)
    withoutScripts(complete.file)
    const file = join(source, 'prebuilds', binary)
    expect(statSync(file).size > 0, file)
    makeCrash(file)
    const crashing = pack(work, source, ['--ignore-scripts'])
    damaged(complete.file, crashing.file)
    rmSync(join(source, 'prebuilds'), { recursive: true })
    withoutBinary(pack(work, source, ['--ignore-scripts']).file)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
conclude()
