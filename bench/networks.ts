/**
 * The descriptions of networks that the native tools have by name: bench/networks/NAME.json, as lib/networks gives them,
 * one op a line. CMake puts them into the executables.
 *
 *     npm run bench:networks
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type NetworkSpec, networkByName } from '../lib/index.ts'

/** What the bench, its records and the native checks name. */
export const benchNetworks: readonly string[] = [
  'resnet8',
  'resnet20',
  ...['cnn-1x4', 'cnn-2x4', 'cnn-2x8'],
  ...['cnn-1x18', 'cnn-2x18', 'cnn-3x18', 'cnn-4x18', 'cnn-5x18'],
]

export const benchFolder = fileURLToPath(new URL('networks/', import.meta.url))

/** The file of a description. */
export function specText({ ops, ...head }: NetworkSpec): string {
  const lines = ops.map((op) => `  ${JSON.stringify(op)}`)
  return `${JSON.stringify(head).slice(0, -1)},"ops":[\n${lines.join(',\n')}\n]}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(benchFolder, { recursive: true })
  for (const name of benchNetworks)
    writeFileSync(`${benchFolder}${name}.json`, specText(networkByName(name).spec))
  console.log(`${benchNetworks.length} networks in bench/networks`)
}
