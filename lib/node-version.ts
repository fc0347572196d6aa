/** Which Node.js the package needs: `engines` of its package.json. This file loads on any Node.js with ES modules. */
import { readFileSync } from 'node:fs'

/** Dotted numbers: negative when `a` is older than `b`, 0 when they are equal. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] || 0) - (right[i] || 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The oldest that works, from the `engines` of a package.json. */
export function oldestNode(packageFile: URL | string = new URL('../package.json', import.meta.url)): string {
  const { engines } = JSON.parse(readFileSync(packageFile, 'utf8'))
  return (/[\d.]+/.exec(engines.node) as RegExpExecArray)[0]
}
