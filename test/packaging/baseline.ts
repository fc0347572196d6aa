/** The oldest system that the Linux binaries are made for, read from docs/native.md, and what objdump finds in them. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { compareVersions } from '../../lib/compare-versions.ts'
import { ends, expect, root, run } from './process.ts'
import { Skip } from './steps.ts'

/** The table under "What the binaries need". */
function stated(): Record<string, string> {
  const text = readFileSync(join(root, 'docs/native.md'), 'utf8')
  const [, glibc] = /^\| glibc \| ([\d.]+) \|/m.exec(text) ?? []
  const [, libstdcpp] = /^\| libstdc\+\+ \| GLIBCXX_([\d.]+) \|/m.exec(text) ?? []
  expect(glibc && libstdcpp, 'docs/native.md: found no versions of glibc and libstdc++')
  // The ABI version of the same release of libstdc++.
  return { GLIBC: glibc, GLIBCXX: libstdcpp, CXXABI: '1.3.13' }
}

/** Gives the newest versions that the binary needs; fails when one is newer than stated, or libstdc++ is linked in. */
export function withinBaseline(binary: string): string {
  try {
    ends('/', 'objdump', ['--version'])
  } catch {
    throw new Skip('objdump is not installed')
  }
  const symbols = run('/', 'objdump', ['-T', binary])
  const newest: Record<string, string> = {}
  for (const [, family, version] of symbols.matchAll(/\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)/g))
    if (compareVersions(version!, newest[family!] ?? '0') > 0) newest[family!] = version!
  expect(newest.GLIBC, `${basename(binary)}: objdump names no version of glibc`)
  for (const [family, version] of Object.entries(newest))
    expect(
      compareVersions(version, stated()[family]!) <= 0,
      `${basename(binary)} needs ${family}_${version}; docs/native.md states ${stated()[family]}`,
    )
  if (binary.endsWith('.node'))
    expect(
      /NEEDED +libstdc\+\+\.so\.6/.test(run('/', 'objdump', ['-p', binary])),
      'libstdc++ is not linked dynamically',
    )
  return Object.entries(newest)
    .map(([family, version]) => `${family} ${version}`)
    .join(', ')
}
