/** The tarball that npm makes: its contents and size, its binary built from nothing but what it holds. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, npm, root, run } from './process.ts'

export interface Tarball {
  readonly file: string
  readonly files: readonly string[]
  /** Bytes, packed. */
  readonly size: number
}

/** Bytes of a tarball with all its binaries. */
export const sizeLimit = 10e6

/** Packs the folder into a new folder under `work`. */
export function pack(work: string, folder: string, args: readonly string[] = []): Tarball {
  const into = mkdtempSync(join(work, 'tarball-'))
  const text = npm(folder, ['pack', '--json', '--pack-destination', into, ...args])
  // Scripts that npm runs while packing print before the JSON.
  const [packed] = JSON.parse(text.slice(text.search(/^\[$/m))) as [
    { filename: string; size: number; files: { path: string }[] },
  ]
  return { file: join(into, packed.filename), files: packed.files.map(({ path }) => path), size: packed.size }
}

/** What a build from source, the library and its reader need. */
export const needed = [
  'CHANGELOG.md',
  'CMakeLists.txt',
  'LICENSE',
  'README.md',
  'package.json',
  'binding/addon.cpp',
  'binding/install.cjs',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli/main.js',
  'engine/network.cpp',
  'cpu/backend.cpp',
] as const

/** Files that nobody who installs the package has a use for. */
export const unwanted = (files: readonly string[]): string[] =>
  files.filter(
    (file) =>
      /(^|\/)(test|node_modules|build[^/]*|\.[^/]*)\/|^runs\//.test(file) || /\.(tgz|o|a|log)$/.test(file),
  )

/** Unpacks the tarball into `folder`, where npm can build it: with the development dependencies of this checkout. */
export function unpackToBuild({ file }: Tarball, folder: string): void {
  mkdirSync(folder)
  run(folder, 'tar', ['xzf', file, '--strip-components=1'])
  rmSync(join(folder, 'prebuilds'), { recursive: true, force: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  // The tarball's own modes: npm makes every file readable, but only `bin` executable.
  run(folder, 'chmod', ['+x', 'binding/node-gyp-shim.cjs'])
}

/** Builds the binary there with an npm script; gives its path below prebuilds/. The checkout's modules are gone then. */
export function prebuild(folder: string, script: string): string {
  npm(folder, ['run', script])
  rmSync(join(folder, 'node_modules'))
  const made = readdirSync(join(folder, 'prebuilds'), { recursive: true, encoding: 'utf8' })
  const binaries = made.filter((file) => file.endsWith('.node'))
  expect(binaries.length === 1, `expected one binary, found ${made.join(' ') || 'nothing'}`)
  expect(existsSync(join(folder, 'prebuilds/sha256.json')), 'no checksums were written')
  return binaries[0]!
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

/** Every binary below prebuilds/, with its size. */
export const binaries = (folder: string): { path: string; size: number }[] =>
  readdirSync(join(folder, 'prebuilds'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(node|so)$/.test(file))
    .map((file) => join(folder, 'prebuilds', file))
    .map((path) => ({ path, size: statSync(path).size }))
