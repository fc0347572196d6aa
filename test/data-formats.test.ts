// CIFAR-100, MNIST files and detection: records as they are, and every kind of bad folder by name.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cifar100 } from '../lib/data/cifar100.ts'
import { mnist } from '../lib/data/mnist.ts'
import { detectFormat, openFolder } from '../lib/data/open-data.ts'
import { cifarRecords, idx } from './fixtures/data-files.ts'
import { refused } from './fixtures/rejects.ts'

interface Context {
  dir: string
  put: (name: string, content: Uint8Array | string) => void
}

const folders = suite<Context>('data folders')
folders.before.each((context) => {
  const dir = mkdtempSync(join(tmpdir(), 'deepzero-formats-'))
  context.dir = dir
  context.put = (name, content) => writeFileSync(join(dir, name), content)
})
folders.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

const numbered = (count: number, prefix: string): string =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`).join('\n')

function putCifar100({ put }: Context): void {
  put(
    'train.bin',
    cifarRecords(7, (i) => [i % 20, 99 - i]),
  )
  put(
    'test.bin',
    cifarRecords(3, (i) => [19 - i, i]),
  )
  put('fine_label_names.txt', numbered(100, 'fine'))
  put('coarse_label_names.txt', `${numbered(20, 'coarse')}\n\n`)
}

folders('CIFAR-100: fine and coarse labels, the same pixels', async (context) => {
  putCifar100(context)
  const { train, test, classes, shape } = await cifar100(context.dir)
  assert.equal(shape, [3, 32, 32])
  assert.is(classes.length, 100)
  assert.equal([...train.labels], [99, 98, 97, 96, 95, 94, 93])
  assert.equal([...test.labels], [0, 1, 2])
  const coarse = await cifar100(context.dir, { labels: 'coarse' })
  assert.equal([...coarse.train.labels], [0, 1, 2, 3, 4, 5, 6])
  assert.is(coarse.classes[19], 'coarse19')
  assert.equal(coarse.train.images, train.images)
  assert.equal([...train.images.subarray(3072, 3075)], [1, 2, 3])
})

folders('CIFAR-100: bad files', async (context) => {
  const { dir, put } = context
  putCifar100(context)
  await refused(cifar100(dir, { labels: 'both' as 'fine' }), 'ERR_INVALID_ARGUMENT', "'fine' or 'coarse'")
  put(
    'train.bin',
    cifarRecords(2, () => [20, 0]),
  )
  await refused(cifar100(dir, { labels: 'coarse' }), 'ERR_DATA', 'from 0 to 19', 'received 20', 'CIFAR-100')
  assert.is((await cifar100(dir)).train.count, 2)
  put('train.bin', cifarRecords(2, () => [0, 0]).subarray(0, 5000))
  await refused(cifar100(dir), 'ERR_DATA', 'multiple of 3074', '1 records and 1926 bytes over')
  rmSync(join(dir, 'train.bin'))
  rmSync(join(dir, 'fine_label_names.txt'))
  await refused(cifar100(dir), 'ERR_DATA', 'train.bin and fine_label_names.txt not found')
})

function putMnist({ put }: Context, ending = '', pack = (bytes: Uint8Array): Uint8Array => bytes): void {
  put(`train-images-idx3-ubyte${ending}`, pack(idx([5, 4, 3])))
  put(`train-labels-idx1-ubyte${ending}`, pack(idx([5], (i) => i)))
  put(`t10k-images-idx3-ubyte${ending}`, pack(idx([2, 4, 3], (i) => 255 - i)))
  put(`t10k-labels-idx1-ubyte${ending}`, pack(idx([2], (i) => 6 + i)))
}

folders('MNIST: plain, gzipped and mixed files give the same; one channel', async (context) => {
  putMnist(context)
  const plain = await mnist(context.dir)
  assert.equal(plain.shape, [1, 4, 3])
  assert.is(plain.train.count, 5)
  assert.equal([...plain.train.labels], [0, 1, 2, 3, 4])
  assert.equal(
    [...plain.train.images],
    Array.from({ length: 60 }, (_, i) => i),
  )
  assert.equal([...plain.test.labels], [6, 7])
  assert.equal(plain.classes, ['0', '1', '2', '3', '4', '5', '6', '7'])
  // Mean of 0 … 59, and their deviation √((60² − 1)/12), of 255.
  assert.ok(Math.abs(plain.train.mean[0]! - 29.5 / 255) <= 1e-12)
  assert.ok(Math.abs(plain.train.std[0]! - Math.sqrt(3599 / 12) / 255) <= 1e-12)
  assert.equal(plain.test.mean, plain.train.mean)
  rmSync(join(context.dir, 'train-images-idx3-ubyte'))
  rmSync(join(context.dir, 't10k-labels-idx1-ubyte'))
  putMnist(context, '.gz', gzipSync)
  assert.equal(await mnist(context.dir), plain)
})

folders('MNIST: names of the classes, and dots in the names of the files', async (context) => {
  const { dir, put } = context
  put('train-images.idx3-ubyte', idx([2, 4, 3]))
  put('train-labels.idx1-ubyte', idx([2]))
  put('t10k-images.idx3-ubyte', idx([2, 4, 3]))
  put('t10k-labels.idx1-ubyte', idx([2]))
  put('classes.txt', 'shirt\r\ntrouser\n')
  assert.equal((await mnist(dir)).classes, ['shirt', 'trouser'])
  put('classes.txt', 'shirt')
  await refused(mnist(dir), 'ERR_DATA', 'classes.txt', 'from 0 to 0')
})

folders('MNIST: files that lie, end early or are something else', async (context) => {
  const { dir, put } = context
  putMnist(context)
  const images = 'train-images-idx3-ubyte'
  put(images, idx([5, 4, 3]).subarray(0, 70))
  await refused(mnist(dir), 'ERR_DATA', images, 'expected 76 bytes', 'received 70')
  put(images, gzipSync(idx([5, 4, 3]).subarray(0, 70)))
  await refused(mnist(dir), 'ERR_DATA', images, 'expected 76 bytes', 'received 70')
  put(images, gzipSync(Buffer.concat([idx([5, 4, 3]), Buffer.alloc(9)])))
  await refused(mnist(dir), 'ERR_DATA', images, 'more than the 76 bytes')
  put(images, gzipSync(idx([5, 4, 3])).subarray(0, 40))
  await refused(mnist(dir), 'ERR_DATA', images, 'unzipped', 'truncated')
  // 16 GiB of claims in a few bytes, zipped and not.
  const claims = idx([2 ** 20, 128, 128]).subarray(0, 16)
  put(images, claims)
  await refused(mnist(dir), 'ERR_DATA', images, 'received 16')
  put(images, gzipSync(claims))
  await refused(mnist(dir), 'ERR_DATA', images, 'cannot hold')
  put(images, idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1]).subarray(0, 16))
  await refused(mnist(dir), 'ERR_DATA', images, 'damaged')
  put(images, idx([5, 12]))
  await refused(mnist(dir), 'ERR_DATA', images, '3 dimensions, received 2')
  put(images, idx([0, 4, 3]))
  await refused(mnist(dir), 'ERR_DATA', images, 'nothing')
  const doubles = idx([5, 4, 3])
  doubles[2] = 14
  put(images, doubles)
  await refused(mnist(dir), 'ERR_DATA', images, 'type 14')
  put(images, 'hello')
  await refused(mnist(dir), 'ERR_DATA', images, 'IDX file')
  put(images, '')
  await refused(mnist(dir), 'ERR_DATA', images, 'IDX file')
  put(images, idx([4, 4, 3]))
  await refused(mnist(dir), 'ERR_DATA', 'expected 4 labels', 'received 5')
  put(images, idx([5, 3, 4]))
  await refused(mnist(dir), 'ERR_DATA', 'test images of 1×3×4', '1×4×3')
  rmSync(join(dir, images))
  await refused(mnist(dir), 'ERR_DATA', 'train-images-idx3-ubyte not found')
})

folders('the format is told by the names; what is near is named', async (context) => {
  const { dir, put } = context
  await refused(detectFormat(dir), 'ERR_DATA', 'no known data found', 'CIFAR-10', 'train/CLASS')
  mkdirSync(join(dir, 'cifar-10-batches-bin'))
  put('cifar-10-batches-bin/data_batch_1.bin', '')
  await refused(detectFormat(dir), 'ERR_DATA', 'cifar-10-batches-bin is one', 'name that instead')
  await refused(detectFormat(join(dir, 'none')), 'ERR_DATA', 'does not exist')
  mkdirSync(join(dir, 'train'))
  assert.is(await detectFormat(dir), 'images')
  putMnist(context, '.gz', gzipSync)
  assert.is(await detectFormat(dir), 'idx')
  const opened = await openFolder(dir)
  assert.is(opened.format, 'idx')
  assert.is(opened.train.count, 5)
  await refused(openFolder(dir, { labels: 'coarse' }), 'ERR_INVALID_ARGUMENT', 'options.labels', 'CIFAR-100')
  await refused(openFolder(dir, { size: 8 }), 'ERR_INVALID_ARGUMENT', 'options.size', 'images by class')
  put('train.bin', '')
  assert.is(await detectFormat(dir), 'cifar100')
  put('data_batch_1.bin', '')
  assert.is(await detectFormat(dir), 'cifar10')
})

folders.run()
