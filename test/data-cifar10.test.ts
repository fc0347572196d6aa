// CIFAR-10 folders: the records as they are, and every kind of bad folder by name.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { cifar10 } from '../lib/data/cifar10.ts'
import { refused } from './fixtures/rejects.ts'
import { testUnless } from './fixtures/skip.ts'

const small = fileURLToPath(new URL('../../shared/data/cifar10-small', import.meta.url))
const withSmall = testUnless(existsSync(small) ? null : `${small} not found`)

const RECORD = 3073
const NAMES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

/** `count` records: label i mod 10, pixel p of record i is (first + i + p) mod 251. */
function records(count: number, first = 0): Uint8Array {
  const out = new Uint8Array(count * RECORD)
  for (let i = 0; i < count; ++i) {
    out[i * RECORD] = i % 10
    for (let p = 0; p < RECORD - 1; ++p) out[i * RECORD + 1 + p] = (first + i + p) % 251
  }
  return out
}

const folders = suite<{ dir: string }>('cifar10 folders')
folders.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-cifar10-'))
  writeFileSync(join(context.dir, 'data_batch_1.bin'), records(12))
  writeFileSync(join(context.dir, 'data_batch_3.bin'), records(3, 100))
  writeFileSync(join(context.dir, 'test_batch.bin'), records(5, 200))
  writeFileSync(join(context.dir, 'batches.meta.txt'), `${NAMES.join('\n')}\n\n`)
})
folders.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

folders('reads the training files that exist, in order', async ({ dir }) => {
  const { train, test, classes, shape } = await cifar10(dir)
  assert.equal(classes, NAMES)
  assert.equal(shape, [3, 32, 32])
  assert.is(train.count, 15)
  assert.is(test.count, 5)
  assert.equal([...train.labels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 1, 2])
  assert.equal(train.images.subarray(0, 12 * 3072).at(-1), (11 + 3071) % 251)
  assert.is(train.images[12 * 3072], 100)
  assert.equal([...test.images.subarray(0, 3)], [200, 201, 202])
})

folders('other line ends in the class names', async ({ dir }) => {
  writeFileSync(join(dir, 'batches.meta.txt'), NAMES.join('\r\n'))
  assert.equal((await cifar10(dir)).classes, NAMES)
})

folders('truncated and overlong files', async ({ dir }) => {
  writeFileSync(join(dir, 'data_batch_3.bin'), records(3).subarray(0, 2 * RECORD + 17))
  await refused(
    cifar10(dir),
    'ERR_DATA',
    'data_batch_3.bin',
    'multiple of 3073',
    '2 records and 17 bytes over',
  )
  writeFileSync(join(dir, 'data_batch_3.bin'), records(1))
  writeFileSync(join(dir, 'test_batch.bin'), Uint8Array.from([...records(1), 0]))
  await refused(cifar10(dir), 'ERR_DATA', 'test_batch.bin', '1 records and 1 bytes over')
  writeFileSync(join(dir, 'test_batch.bin'), '')
  await refused(cifar10(dir), 'ERR_DATA', 'test_batch.bin', 'empty')
})

folders('labels above 9', async ({ dir }) => {
  const bad = records(7)
  bad[5 * RECORD] = 10
  writeFileSync(join(dir, 'data_batch_3.bin'), bad)
  await refused(cifar10(dir), 'ERR_DATA', 'data_batch_3.bin', 'from 0 to 9', 'received 10', 'record 5')
})

folders('missing files and folders', async ({ dir }) => {
  rmSync(join(dir, 'test_batch.bin'))
  await refused(cifar10(dir), 'ERR_DATA', 'test_batch.bin not found', dir)
  rmSync(join(dir, 'batches.meta.txt'))
  rmSync(join(dir, 'data_batch_1.bin'))
  rmSync(join(dir, 'data_batch_3.bin'))
  await refused(
    cifar10(dir),
    'ERR_DATA',
    'data_batch_1.bin and test_batch.bin and batches.meta.txt not found',
    'binary version',
  )
  await refused(cifar10(join(dir, 'nowhere')), 'ERR_DATA', 'nowhere', 'does not exist', 'data_batch_1.bin')
  writeFileSync(join(dir, 'a file'), 'x')
  await refused(cifar10(join(dir, 'a file')), 'ERR_DATA', 'data_batch_1.bin')
})

folders('wrong class names, and a folder in the place of a file', async ({ dir }) => {
  writeFileSync(join(dir, 'batches.meta.txt'), 'cat\ndog\n')
  await refused(cifar10(dir), 'ERR_DATA', 'batches.meta.txt', 'expected 10 class names, received 2')
  writeFileSync(join(dir, 'batches.meta.txt'), NAMES.join('\n'))
  rmSync(join(dir, 'test_batch.bin'))
  mkdirSync(join(dir, 'test_batch.bin'))
  await refused(cifar10(dir), 'ERR_DATA', 'test_batch.bin', 'is a folder')
})

folders.run()

withSmall('real images: counts, labels and pixels as in the files', async () => {
  const { train, test } = await cifar10(small)
  assert.is(train.count, 1000)
  assert.is(test.count, 500)
  const bytes = readFileSync(join(small, 'test_batch.bin'))
  for (const record of [0, 1, 77, 499]) {
    assert.is(test.labels[record], bytes[record * RECORD])
    const pixels = bytes.subarray(record * RECORD + 1, (record + 1) * RECORD)
    assert.is(Buffer.compare(pixels, test.images.subarray(record * 3072, (record + 1) * 3072)), 0)
  }
  assert.is(new Set(train.labels).size, 10)
})

test.run()
