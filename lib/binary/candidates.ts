/**
 * Which files could be the addon, in the order they are tried: what was built here, then the prebuilt binary that fits
 * platform, architecture and C library, then any other place of a local build that `bindings` knows.
 * DEEPZERO_NATIVE_PREBUILD names another folder to look in, PREBUILDS_ONLY=1 leaves out local builds (node-gyp-build).
 */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'

const require = createRequire(import.meta.url)

interface Tags {
  readonly file: string
  readonly libc?: string
}

/** Of node-gyp-build, what chooses among names. */
interface GypBuild {
  path(directory: string): string
  parseTuple(folder: string): { readonly name: string } | undefined
  matchTuple(platform: string, arch: string): (tuple: unknown) => boolean
  parseTags(file: string): Tags | undefined
  matchTags(runtime: string, abi: string): (tags: unknown) => boolean
  compareTags(runtime: string): (a: Tags, b: Tags) => number
}

export interface Candidate {
  readonly path: string
  readonly origin: 'prebuilt' | 'built'
}

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const attempt = (find: () => string): string[] => {
  try {
    return [find()]
  } catch {
    return []
  }
}

/** `root`: the package's folder. */
export function candidates(root: string): Candidate[] {
  const gypBuild = require('node-gyp-build') as GypBuild
  const bindings = require('bindings') as (options: object) => string
  const paths = [
    // The first choice of node-gyp-build, which is a local build where there is one.
    ...attempt(() => gypBuild.path(root)),
    ...matchingPrebuilds(gypBuild, process.env.DEEPZERO_NATIVE_PREBUILD ?? root),
    ...(process.env.PREBUILDS_ONLY
      ? []
      : attempt(() => bindings({ bindings: 'deepzero_native', module_root: root, path: true }))),
  ]
  return [...new Set(paths)].map((path) => ({
    path,
    origin: path.includes(`${sep}prebuilds${sep}`) ? 'prebuilt' : 'built',
  }))
}

function matchingPrebuilds(gypBuild: GypBuild, folder: string): string[] {
  const matches = gypBuild.matchTuple(process.platform, process.arch)
  return list(join(folder, 'prebuilds'))
    .filter((name) => matches(gypBuild.parseTuple(name)))
    .flatMap((name) =>
      list(join(folder, 'prebuilds', name))
        .map(gypBuild.parseTags)
        .filter((tags) => tags !== undefined)
        .filter(gypBuild.matchTags('node', process.versions.modules))
        .sort(gypBuild.compareTags('node'))
        .map(({ file }) => join(folder, 'prebuilds', name, file)),
    )
}

/** What is prebuilt for others: `linux-x64 (glibc)`. */
export function prebuiltTargets(root: string): string[] {
  const { parseTags } = require('node-gyp-build') as GypBuild
  return list(join(root, 'prebuilds')).flatMap((folder) =>
    list(join(root, 'prebuilds', folder))
      .map(parseTags)
      .filter((tags) => tags !== undefined)
      .map(({ libc }) => (libc ? `${folder} (${libc})` : folder)),
  )
}
