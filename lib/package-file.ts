/** The package's own package.json, the one place of its version and of the Node.js it needs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DeepZeroError } from './errors.ts'

/** The package's folder, from `lib/` as from `dist/`. */
export const packageRoot: string = fileURLToPath(new URL('..', import.meta.url))

export interface PackageFile {
  readonly version: string
  /** The oldest Node.js that works: `20.19`. */
  readonly oldestNode: string
}

/** Throws ERR_NATIVE_LOAD where another package is, or none: a bundle has taken the code out of its package. */
export function packageFile(root: string = packageRoot): PackageFile {
  const file = join(root, 'package.json')
  let content: { name?: unknown; version: string; engines: { node: string } } | undefined
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // As if it were of another package.
  }
  if (content?.name !== 'deepzero-native')
    throw new DeepZeroError(
      'ERR_NATIVE_LOAD',
      `expected the package.json of deepzero-native at ${file}; the code lies outside of its package, as in a bundle: mark ` +
        'deepzero-native as external (esbuild: --external:deepzero-native), so that it stays in node_modules',
    )
  return { version: content.version, oldestNode: /[\d.]+/.exec(content.engines.node)?.[0] ?? '0' }
}
