/**
 * Whether this checkout can be published: `npm run release:check`. Before it, make the binaries of all targets with
 * `npm run prebuildify` and `npm run prebuildify:arm64`.
 *
 * It changes nothing. Ends with `N passed, N failed, N skipped`; every fault is named.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readElf } from '../lib/binary/elf.ts'
import { withinBaseline } from './packaging/baseline.ts'
import { expect, root, run } from './packaging/process.ts'
import {
  changelogFaults,
  type Installed,
  licenceFaults,
  linkFaults,
  lockFaults,
  versionFaults,
} from './packaging/release-rules.ts'
import { conclude, step } from './packaging/steps.ts'
import { megabytes, needed, pack, sizeLimit, unwanted } from './packaging/tarball.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const content = JSON.parse(read('package.json'))
const lock = JSON.parse(read('package-lock.json'))
const git = (...args: string[]): string => run(root, 'git', args).trimEnd()

const faultless = (faults: readonly string[]): void => expect(faults.length === 0, faults.join('\n'))

/** Binaries by the target that docs/native.md promises them for. */
const targets: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': [
    'deepzero-native.glibc.node',
    ...(existsSync(join(root, 'cuda/CMakeLists.txt')) ? ['libdeepzero_cuda.so'] : []),
  ],
  'linux-arm64': ['deepzero-native.glibc.node'],
}

/** What the binaries are compiled from: the newest file. */
function newestSource(): { file: string; time: number } {
  const files = ['engine', 'cpu', 'cuda', 'binding']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((file) => /\.(cpp|h|cu|cuh)$/.test(file))
    .map((file) => ({ file, time: statSync(join(root, file)).mtimeMs }))
  return files.reduce((newest, file) => (file.time > newest.time ? file : newest))
}

function checkBinary(target: string, file: string, sums: Record<string, string>): string {
  const path = join(root, 'prebuilds', target, file)
  expect(
    existsSync(path),
    `prebuilds/${target}/${file} is missing: npm run prebuildify${target === 'linux-arm64' ? ':arm64' : ''}`,
  )
  const binary = readFileSync(path)
  const elf = readElf(binary)
  expect(elf && target === `linux-${elf.architecture}`, `${file} is for ${elf?.architecture}`)
  const sum = createHash('sha256').update(binary).digest('hex')
  expect(sums[`${target}/${file}`] === sum, `${file} is not the one in prebuilds/sha256.json`)
  const source = newestSource()
  expect(statSync(path).mtimeMs > source.time, `older than ${source.file}: build it again`)
  return `${megabytes(binary.length)}, ${withinBaseline(path)}`
}

/** Everything that npm installs with the package, by name. */
const installed = (): Record<string, Installed> =>
  Object.fromEntries(
    Object.entries(lock.packages as Record<string, Installed & { dev?: boolean }>)
      .filter(([path, { dev }]) => path !== '' && !dev)
      .map(([path, facts]) => [path.replace('node_modules/', ''), facts]),
  )

step(`version ${content.version}, in package.json alone`, () => faultless(versionFaults(content, lock)))
step('the changelog has an entry for it', () =>
  faultless(changelogFaults(read('CHANGELOG.md'), content.version)),
)
step('the tree is clean', () => {
  const changed = git('status', '--porcelain')
  expect(changed === '', `not committed:\n${changed}`)
  return git('rev-parse', '--short', 'HEAD')
})
step('the version was not released before', () => {
  const tagged = git('tag', '--list', `v${content.version}`)
  expect(
    tagged === '' || git('rev-list', '-n', '1', tagged) === git('rev-parse', 'HEAD'),
    `${tagged} is another commit`,
  )
})
step('the lock file names no addresses', () => faultless(lockFaults(lock)))
step('licences', () => faultless(licenceFaults(content, read('LICENSE'), installed())))
step('links of the README', () =>
  faultless(linkFaults(read('README.md'), (path) => existsSync(join(root, path)))),
)

for (const [target, files] of Object.entries(targets))
  for (const file of files)
    step(`${target}: ${file}`, () => {
      const sums = join(root, 'prebuilds/sha256.json')
      return checkBinary(target, file, existsSync(sums) ? JSON.parse(readFileSync(sums, 'utf8')) : {})
    })

if (targets['linux-x64']!.includes('libdeepzero_cuda.so'))
  step('the CUDA library has code for all architectures of a release', () => {
    const path = join(root, 'prebuilds/linux-x64/libdeepzero_cuda.so')
    const doctor = ['--import', 'tsx', join(root, 'lib/cli/main.ts'), 'doctor', '--json']
    const told = run(root, process.execPath, doctor, { ...process.env, DEEPZERO_CUDA_LIBRARY: path })
    const found: string = JSON.parse(told).cuda.architectures
    const expected = /STREQUAL "release"\)\s+set\(CMAKE_CUDA_ARCHITECTURES "(.+)"\)/.exec(
      read('cuda/CMakeLists.txt'),
    )
    expect(
      expected !== null && found === expected[1]!.replaceAll(';', ','),
      `${found || 'none'}: build it with DEEPZERO_CUDA_ARCHITECTURES=release`,
    )
    return found
  })

const work = mkdtempSync(join(tmpdir(), 'deepzero-release-'))
try {
  const packed = step('npm pack', () => pack(work, root))
  if (packed) {
    step('contents and size of the tarball', () => {
      const missing = needed.filter((file) => !packed.files.includes(file))
      expect(missing.length === 0, `missing: ${missing.join(' ')}`)
      const odd = unwanted(packed.files)
      expect(odd.length === 0, `unwanted: ${odd.join(' ')}`)
      expect(packed.size < sizeLimit, `${megabytes(packed.size)}, expected less than ${megabytes(sizeLimit)}`)
      return `${packed.files.length} files, ${megabytes(packed.size)}`
    })
    step('what package.json points at is there, types included', () => {
      const { types, default: main } = content.exports['.']
      const pointed = [content.types, types, main, content.bin.deepzero].map((path: string) =>
        path.replace(/^\.\//, ''),
      )
      const absent = pointed.filter((path) => !packed.files.includes(path))
      expect(absent.length === 0, `missing: ${absent.join(' ')}`)
      const untyped = packed.files.filter(
        (file) => /^dist\/.*\.js$/.test(file) && !packed.files.includes(file.replace(/\.js$/, '.d.ts')),
      )
      expect(untyped.length === 0, `without types: ${untyped.join(' ')}`)
      const binaries = packed.files.filter((file) => /^prebuilds\/.*\.(node|so)$/.test(file))
      const promised = Object.entries(targets).flatMap(([target, files]) =>
        files.map((file) => `prebuilds/${target}/${file}`),
      )
      expect(binaries.sort().join() === promised.sort().join(), `binaries: ${binaries.join(' ') || 'none'}`)
    })
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
conclude()
