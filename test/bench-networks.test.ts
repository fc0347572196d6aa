/**
 * What the native tools know of networks is what lib/networks says: the descriptions in bench/networks/, and initial
 * weights bit for bit. The hashes of the weights are held against the same file by test/native/named_networks_test.cpp.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { benchFolder, benchNetworks, specText } from '../bench/networks.ts'
import { networkByName } from '../lib/index.ts'

interface InitialWeights {
  readonly network: string
  readonly seed: number
  readonly hash: number
}

const fixture = fileURLToPath(new URL('fixtures/initial-weights.json', import.meta.url))

/** FNV-1a, 32 bits, of the floats' bytes. */
function hashOf(values: Float32Array): number {
  let hash = 0x811c9dc5
  for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

test('bench/networks holds what lib/networks gives today; npm run bench:networks writes it', () => {
  assert.equal(readdirSync(benchFolder).sort(), benchNetworks.map((name) => `${name}.json`).sort())
  for (const name of benchNetworks)
    assert.is(readFileSync(`${benchFolder}${name}.json`, 'utf8'), specText(networkByName(name).spec), name)
})

test('a description is JSON with one op a line', () => {
  const { spec } = networkByName('resnet20')
  assert.equal(JSON.parse(specText(spec)), JSON.parse(JSON.stringify(spec)))
  assert.is(specText(spec).split('\n').length, spec.ops.length + 3)
})

test('initial weights have the hashes that the native tools have', () => {
  const cases = JSON.parse(readFileSync(fixture, 'utf8')) as InitialWeights[]
  assert.ok(cases.length > 0)
  for (const { network, seed, hash } of cases)
    assert.is(hashOf(networkByName(network, { seed }).parameters), hash, `${network}, seed ${seed}`)
})

test.run()
