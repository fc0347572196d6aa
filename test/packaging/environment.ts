/**
 * Where the package is installed: an empty home, no settings of this checkout, and a PATH that holds node and a shell,
 * or that of this machine with its compilers.
 */
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ends, expect, npm, root } from './process.ts'

function folderOf(work: string, name: string): string {
  const folder = join(work, name)
  if (!existsSync(folder)) mkdirSync(folder)
  return folder
}

function environment(work: string, path: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_|NODE_OPTIONS$|CC$|CXX$|CXXFLAGS$|CMAKE_|DEEPZERO_|PREBUILDS_ONLY$)/i.test(name) ||
      /^npm_config_registry$/i.test(name),
  )
  // npm's settings live in the home: what reaches the registry, and the cache, are handed over.
  const setting = (name: string): string => npm(root, ['config', 'get', name]).trim()
  return {
    ...Object.fromEntries(kept),
    PATH: path,
    HOME: folderOf(work, 'home'),
    npm_config_registry: setting('registry'),
    npm_config_cache: setting('cache'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  }
}

/** No compiler can be found. */
export function bare(work: string): NodeJS.ProcessEnv {
  const bin = folderOf(work, 'bin')
  if (readdirSync(bin).length === 0) {
    symlinkSync(process.execPath, join(bin, 'node'))
    symlinkSync('/bin/sh', join(bin, 'sh'))
  }
  expect(readdirSync(bin).sort().join() === 'node,sh', `PATH holds ${readdirSync(bin)}`)
  return environment(work, bin)
}

/** The compilers of this machine, but for nvcc: most users have none, and the checkout's own build is one with it. */
export const withCompilers = (work: string): NodeJS.ProcessEnv => ({
  // Folders that npm put before the others hold this checkout's programs.
  ...environment(
    work,
    (process.env.PATH ?? '')
      .split(':')
      .filter((folder) => !folder.includes('node_modules'))
      .join(':'),
  ),
  CUDACXX: join(work, 'no-nvcc'),
})

/** What starts a program without any network; empty where the system does not allow that. */
export const withoutNetwork = (): string[] => {
  try {
    return ends('/', 'unshare', ['-n', 'true']).status === 0 ? ['unshare', '-n'] : []
  } catch {
    return []
  }
}
