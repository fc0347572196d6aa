// safetensors: round trips of random tensors, files of an independent writer, and every malformation by name.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import {
  type Dtype,
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type Tensor,
  type TensorData,
  writeSafetensors,
} from '../lib/safetensors.ts'
import { testUnless } from './fixtures/skip.ts'

const reference = fileURLToPath(new URL('../../shared/reference/', import.meta.url))
const withReference = testUnless(existsSync(reference) ? null : `${reference} not found`)

/** A file with this header text and these data bytes. */
function file(header: string | object, data = new Uint8Array(0), length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const out = new Uint8Array(8 + json.length + data.length)
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(json.length), true)
  out.set(json, 8)
  out.set(data, 8 + json.length)
  return out
}

function refused(bytes: Uint8Array, ...words: string[]): void {
  try {
    decodeSafetensors(bytes, 'folder/bad.safetensors')
  } catch (error) {
    assert.instance(error, DeepZeroError)
    const { code, message } = error as DeepZeroError
    assert.is(code, 'ERR_FILE')
    for (const word of ['folder/bad.safetensors', ...words])
      assert.ok(message.includes(word), `'${message}' should say '${word}'`)
    return
  }
  assert.unreachable('the file was accepted')
}

const floats = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }

const make: Record<Dtype, (buffer: ArrayBuffer) => TensorData> = {
  F64: (b) => new Float64Array(b),
  F32: (b) => new Float32Array(b),
  F16: (b) => new Uint16Array(b),
  BF16: (b) => new Uint16Array(b),
  I64: (b) => new BigInt64Array(b),
  I32: (b) => new Int32Array(b),
  I16: (b) => new Int16Array(b),
  I8: (b) => new Int8Array(b),
  U64: (b) => new BigUint64Array(b),
  U32: (b) => new Uint32Array(b),
  U16: (b) => new Uint16Array(b),
  U8: (b) => new Uint8Array(b),
  BOOL: (b) => new Uint8Array(b),
}

const bytesOf = ({ data }: Tensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(make) as Dtype[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    fill: fc.infiniteStream(fc.nat({ max: 255 })),
  })
  .map(({ dtype, shape, fill }) => {
    const count = shape.reduce((product, n) => product * n, 1)
    const bytes = new Uint8Array(count * make[dtype](new ArrayBuffer(0)).BYTES_PER_ELEMENT)
    for (let i = 0; i < bytes.length; ++i) bytes[i] = fill.next().value as number
    return { dtype, shape, data: make[dtype](bytes.buffer) }
  })

const anyFile = fc.record({
  tensors: fc.dictionary(
    fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
    anyTensor,
  ),
  metadata: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
})

test('what is written is read: every dtype, any name, any bits', () => {
  fc.assert(
    fc.property(anyFile, ({ tensors, metadata }) => {
      const bytes = encodeSafetensors(Object.entries(tensors), metadata)
      const read = decodeSafetensors(bytes, 'memory')
      assert.equal(new Map(Object.entries(read.metadata)), new Map(Object.entries(metadata)))
      assert.is(read.tensors.size, Object.keys(tensors).length)
      for (const [name, tensor] of Object.entries(tensors)) {
        const found = read.tensors.get(name) as Tensor
        assert.is(found.dtype, tensor.dtype)
        assert.equal(found.shape, tensor.shape)
        assert.equal(bytesOf(found), bytesOf(tensor))
      }
    }),
    { numRuns: 300 },
  )
})

test('any cut of a file is refused, and so is any byte appended', () => {
  const tensors: [string, Tensor][] = [
    ['a', { dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) }],
    ['b', { dtype: 'I64', shape: [], data: BigInt64Array.of(-5n) }],
  ]
  const bytes = encodeSafetensors(tensors, { key: 'value' })
  for (let length = 0; length < bytes.length; ++length) refused(bytes.subarray(0, length))
  refused(Uint8Array.from([...bytes, 0]), 'the tensors end at byte')
})

test('a changed byte is refused or gives other values, never another kind of error', () => {
  const bytes = encodeSafetensors([['a', { dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]], {
    k: 'v',
  })
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const changed = Uint8Array.from(bytes)
      changed[at] = value
      try {
        decodeSafetensors(changed, 'changed')
      } catch (error) {
        assert.instance(error, DeepZeroError)
        assert.is((error as DeepZeroError).code, 'ERR_FILE')
      }
    }),
    { numRuns: 2000 },
  )
})

test('the data section is aligned for every element size', () => {
  const bytes = encodeSafetensors([
    ['odd', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['f64', { dtype: 'F64', shape: [1], data: Float64Array.of(7) }],
  ])
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
  assert.is(length % 8, 0)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
  assert.equal(header.f64.data_offsets, [0, 8])
  assert.equal(header.odd.data_offsets, [8, 11])
})

test('tensors do not share memory with the file or each other', () => {
  const bytes = Buffer.from(
    encodeSafetensors([
      ['a', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }],
      ['b', { dtype: 'F32', shape: [1], data: Float32Array.of(2) }],
    ]),
  )
  const { tensors } = decodeSafetensors(bytes, 'memory')
  bytes.fill(0)
  ;(tensors.get('a')?.data as Float32Array)[0] = 9
  assert.is(tensors.get('b')?.data[0], 2)
  assert.is(tensors.get('a')?.data[0], 9)
})

test('offsets of any size are read: only the end of the data limits them', () => {
  // The product of these two is above 2^53.
  const far = { dtype: 'F32', shape: [256], data_offsets: [95_634_256, 95_635_280] }
  refused(file({ 'bn.weight': far }), "'bn.weight' ends at byte 95635280", 'truncated')
  refused(file({ w: { ...far, data_offsets: [0, 2 ** 53] } }), "'w'", 'data_offsets')
})

test('malformed headers are named', () => {
  const data = new Uint8Array(8)
  refused(new Uint8Array(3), 'at least 8 bytes', 'received 3')
  refused(file('{}', data, 2n ** 63n), 'at most 100000000 bytes')
  refused(file('{}', data, 50n), 'truncated')
  refused(file('{"a": '), 'JSON')
  refused(file('[]'), 'JSON object')
  refused(file('null'), 'JSON object')
  refused(file(`{"a": "${'\u{1F600}'}"}`.slice(0, -3)), 'JSON')
  refused(file({ __metadata__: { n: 1 } }), '__metadata__')
  refused(file({ __metadata__: ['a'] }), '__metadata__')
  const twice = `{"a": ${JSON.stringify(floats)}, "\\u0061": ${JSON.stringify(floats)}}`
  refused(file(twice, data), "'a' occurs twice")
  refused(
    file('{"a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', data),
    "'dtype'",
  )
  refused(file('{"__metadata__": {"k": "1", "k": "2"}}'), "'k'")
})

test('headers of megabytes and of any depth are read or refused, never an error of another kind', () => {
  const bytes = encodeSafetensors([], { text: 'a'.repeat(2e7), quotes: '"'.repeat(2e6) })
  assert.is(decodeSafetensors(bytes, 'large').metadata.text?.length, 2e7)
  const nested = `${'['.repeat(1e6)}1${']'.repeat(1e6)}`
  refused(file(nested), 'JSON object')
  for (const key of ['dtype', 'shape', 'data_offsets'])
    refused(file(JSON.stringify({ w: { ...floats, [key]: 'DEEP' } }).replace('"DEEP"', nested)), "'w'")
})

/** A header of up to four tensors over 32 bytes, most of them right. */
const anyHeader = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
  mistakes: fc.array(
    fc.record({ at: fc.nat({ max: 3 }), end: fc.nat({ max: 1 }), by: fc.integer({ min: -8, max: 8 }) }),
    {
      maxLength: 2,
    },
  ),
  order: fc.infiniteStream(fc.nat()),
  extra: fc.constantFrom(0, 0, 0, 1, 8),
})

test('fuzz: a file is read if and only if its tensors have the sizes they say and tile the data', () => {
  let read = 0
  fc.assert(
    fc.property(anyHeader, ({ lengths, mistakes, order, extra }) => {
      let reached = 0
      const spans = lengths.map((length) => {
        const begin = reached
        reached += 4 * length
        return [begin, reached] as [number, number]
      })
      for (const { at, end, by } of mistakes) if (spans[at]) spans[at]![end]! += by
      const entries = spans.map((span, i) => [
        `t${i}`,
        { dtype: 'F32', shape: [lengths[i]!], data_offsets: span },
      ])
      entries.sort(() => (order.next().value & 1) - 0.5)
      const data = new Uint8Array(reached + extra)
      // The oracle counts how often each byte is claimed.
      const claims = new Uint8Array(64)
      let right = extra === 0
      spans.forEach(([begin, end], i) => {
        if (begin < 0 || end > data.length || end - begin !== 4 * lengths[i]!) right = false
        for (let at = begin; at < end; ++at) claims[at]! += 1
        // An empty tensor claims nothing, but must not lie inside another one.
        const inside = spans.some(([from, to]) => from < begin && begin < to)
        if (begin === end && inside) right = false
      })
      if (!claims.subarray(0, data.length).every((n) => n === 1)) right = false
      const bytes = file(Object.fromEntries(entries), data)
      if (!right) return refused(bytes)
      assert.is(decodeSafetensors(bytes, 'right').tensors.size, lengths.length)
      read += 1
    }),
    { numRuns: 3000 },
  )
  assert.ok(read > 300 && read < 2900, `${read} of 3000 were read`)
})

test('tensors that lie about themselves are named', () => {
  const data = new Uint8Array(8)
  const one = (change: object): Uint8Array => file({ w: { ...floats, ...change } }, data)
  refused(one({ dtype: 'F99' }), "'w'", 'F99', 'F32')
  refused(one({ dtype: 'toString' }), "'w'")
  refused(one({ shape: [3] }), "'w'", 'takes 12 bytes')
  refused(one({ shape: [-2] }), "'w'", 'shape')
  refused(one({ shape: [1.5] }), "'w'", 'shape')
  refused(one({ shape: 2 }), "'w'", 'shape')
  refused(one({ shape: [2 ** 40, 2 ** 40] }), "'w'", 'shape')
  refused(one({ data_offsets: [8, 0] }), "'w'", 'data_offsets')
  refused(one({ data_offsets: [0] }), "'w'", 'data_offsets')
  refused(one({ data_offsets: [-8, 0] }), "'w'", 'data_offsets')
  refused(one({ data_offsets: undefined }), "'w'", 'data_offsets')
  refused(file({ w: null }, data), "'w'")
  refused(one({ data_offsets: [8, 16] }), "'w'", 'truncated')
  refused(file({ a: floats, b: floats }, data), "'b'", 'inside the tensor before it')
  refused(file({ a: floats, b: { ...floats, data_offsets: [4, 12] } }, new Uint8Array(12)), 'inside')
  refused(
    file({ a: floats, b: { ...floats, data_offsets: [12, 20] } }, new Uint8Array(20)),
    'belong to no tensor',
  )
  refused(file({ a: floats }, new Uint8Array(12)), 'the file has 12')
})

test('the writer refuses tensors that do not fit', () => {
  const bad = (name: string, tensor: unknown): void => {
    assert.throws(
      () => encodeSafetensors([[name, tensor as Tensor]]),
      (error: DeepZeroError) => error.code === 'ERR_INVALID_ARGUMENT' && error.message.includes(name),
    )
  }
  bad('w', { dtype: 'F32', shape: [3], data: new Float32Array(2) })
  bad('w', { dtype: 'F32', shape: [2], data: new Float64Array(2) })
  bad('__metadata__', { dtype: 'F32', shape: [0], data: new Float32Array(0) })
  const w: [string, Tensor] = ['w', { dtype: 'F32', shape: [0], data: new Float32Array(0) }]
  assert.throws(() => encodeSafetensors([w, w]), /taken/)
})

test('files: written whole, read back, a missing one named', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'deepzero-safetensors-'))
  try {
    const path = join(dir, 'a.safetensors')
    await writeSafetensors(path, [['x', { dtype: 'F32', shape: [2], data: Float32Array.of(0.1, -0) }]], {
      a: 'b',
    })
    const { tensors, metadata } = await readSafetensors(path)
    assert.equal(tensors.get('x')?.data, Float32Array.of(0.1, -0))
    assert.equal({ ...metadata }, { a: 'b' })
    writeFileSync(path, 'not a model')
    for (const bad of [path, join(dir, 'none.safetensors')]) {
      const error = await readSafetensors(bad).catch((reason: unknown) => reason)
      assert.is((error as DeepZeroError).code, 'ERR_FILE')
      assert.ok((error as DeepZeroError).message.startsWith(bad))
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

withReference('files of an independent writer', async () => {
  const { tensors, metadata } = await readSafetensors(join(reference, 'cnn2x8-init.expected.safetensors'))
  assert.equal(tensors.get('input')?.shape, [32, 3, 32, 32])
  const labels = tensors.get('labels')?.data
  assert.instance(labels, BigInt64Array)
  assert.ok((labels as BigInt64Array).every((label) => label >= 0n && label < 10n))
  const logits = tensors.get('logits_train')?.data as Float64Array
  assert.is(logits.length, 320)
  assert.ok(logits.every(Number.isFinite) && logits.some((value) => value !== 0))
  assert.is(JSON.parse(metadata.parameters as string).length, 10)
})

test.run()
