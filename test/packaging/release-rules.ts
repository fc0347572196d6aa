/** What a publish needs, as rules over texts: each gives what is wrong, nothing when all is well. */

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface LockFile {
  readonly version?: string
  readonly packages: Readonly<
    Record<string, { version?: string; resolved?: string; integrity?: string; link?: boolean }>
  >
}

/** The version stands in package.json, the lock file repeats it, and users get the dependencies that were tested. */
export function versionFaults(content: PackageJson, lock: LockFile): string[] {
  const faults: string[] = []
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(content.version))
    faults.push(`package.json: version ${content.version}`)
  if (content.private) faults.push('package.json: private')
  for (const [where, version] of [
    ['version', lock.version],
    ['packages[""]', lock.packages['']?.version],
  ] as const)
    if (version !== content.version)
      faults.push(`package-lock.json: ${where} is ${version}, expected ${content.version}; run npm install`)
  for (const [name, range] of Object.entries({ ...content.dependencies, ...content.optionalDependencies }))
    if (!/^\d/.test(range)) faults.push(`package.json: ${name} is ${range}, expected one version`)
  return faults
}

/** Entries name no place that they came from, and each has a hash. */
export function lockFaults(lock: LockFile): string[] {
  const entries = Object.entries(lock.packages).filter(([path, { link }]) => path !== '' && !link)
  if (entries.length === 0) return ['package-lock.json: no packages']
  return entries.flatMap(([path, { resolved, integrity }]) => [
    ...(resolved ? [`package-lock.json: ${path} was resolved at ${resolved}`] : []),
    ...(integrity ? [] : [`package-lock.json: ${path} has no integrity`]),
  ])
}

/** `## [1.2.3] - 2026-01-31`, with something under it. */
export function changelogFaults(changelog: string, version: string): string[] {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((text) => text.startsWith(`[${version}]`))
  if (!section) return [`CHANGELOG.md: no section "## [${version}] - YYYY-MM-DD"`]
  const [heading = '', ...lines] = section.split('\n')
  const faults: string[] = []
  if (!/^\[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading)) faults.push(`CHANGELOG.md: "${heading}" has no date`)
  if (!lines.some((line) => line.startsWith('- '))) faults.push(`CHANGELOG.md: [${version}] lists no change`)
  return faults
}

const permissive = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
])
/** A library of its own, which a user may leave out or replace. */
const library = 'LGPL-3.0-or-later'

export interface Installed {
  readonly license?: string
  readonly optional?: boolean
}

/** Licence of the package, and of what is installed with it, by name. */
export function licenceFaults(
  content: PackageJson,
  licence: string,
  installed: Readonly<Record<string, Installed>>,
): string[] {
  const faults: string[] = []
  if (content.license !== 'MIT' || !/^MIT License\n/.test(licence))
    faults.push(`LICENSE: expected the text of ${content.license ?? 'the licence of package.json'}`)
  for (const [name, { license = 'none', optional }] of Object.entries(installed)) {
    const may = (one: string): boolean => permissive.has(one) || (optional === true && one === library)
    const choices = license.replace(/^\(|\)$/g, '').split(' OR ')
    if (!choices.some((choice) => choice.split(' AND ').every(may)))
      faults.push(`${name}: licence ${license}`)
  }
  return faults
}

/** Links of a text that lead to no file of the package or the repository. */
export function linkFaults(text: string, exists: (path: string) => boolean): string[] {
  const targets = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target]) => target!,
  )
  if (targets.length === 0) return ['README.md: no links']
  return targets
    .filter((target) => !/^(https:\/\/|#)/.test(target) && !exists(target.split('#')[0]!))
    .map((target) => `README.md: ${target}`)
}
