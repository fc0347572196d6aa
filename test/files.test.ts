// Atomic writes: whole or not there, nothing left behind, errors that name the file and a remedy.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DeepZeroError } from '../lib/errors.ts'
import { fileError, makeFolder, readBytes, syncFolder, writeAtomic } from '../lib/files.ts'
import { refused } from './fixtures/rejects.ts'
import { testUnless } from './fixtures/skip.ts'

const files = suite<{ dir: string }>('files')
files.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-files-'))
})
files.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

files(
  'makes folders above folders, accepts those that are there, and refuses what cannot be',
  async ({ dir }) => {
    await makeFolder(join(dir, 'a', 'b', 'c'))
    await makeFolder(join(dir, 'a', 'b', 'c'))
    assert.equal(readdirSync(join(dir, 'a', 'b')), ['c'])
    writeFileSync(join(dir, 'file'), '')
    await refused(makeFolder(join(dir, 'file')), 'ERR_INVALID_ARGUMENT', 'file', 'a file is there')
    await refused(makeFolder(join(dir, 'file', 'below')), 'ERR_FILE', 'not a folder')
    // Node's own recursive mkdir never comes back from here.
    if (process.platform === 'linux')
      await refused(makeFolder('/proc/deepzero/run'), 'ERR_FILE', '/proc/deepzero')
  },
)

files('writes parts one after another and replaces the old file', async ({ dir }) => {
  const path = join(dir, 'a.bin')
  await writeAtomic(path, 'first, much longer than the second')
  await writeAtomic(path, 'ab', new Uint8Array([99, 100]))
  assert.is(readFileSync(path, 'utf8'), 'abcd')
  assert.equal(readdirSync(dir), ['a.bin'])
})

files(
  'the content is on the disk before the file has its name, the name before it is done',
  async ({ dir }) => {
    const path = join(dir, 'a.bin')
    await writeAtomic(path, 'old')
    const opened = await open(path)
    const prototype = Object.getPrototypeOf(opened) as FileHandle
    await opened.close()
    const { sync } = prototype
    /** What every file of the folder held when something was put on the disk. */
    const seen: string[][] = []
    prototype.sync = function (this: FileHandle) {
      seen.push(
        readdirSync(dir).map((name) => `${name.replace(/\d+/g, 'N')} ${readFileSync(join(dir, name))}`),
      )
      return sync.call(this)
    }
    try {
      await writeAtomic(path, 'new', ' and whole')
    } finally {
      prototype.sync = sync
    }
    assert.equal(seen, [['a.bin old', 'a.bin.N.N.tmp new and whole'], ['a.bin new and whole']])
  },
)

files('never shows a half-written file to a reader', async ({ dir }) => {
  const path = join(dir, 'a.bin')
  const versions = [0, 1].map((v) => new Uint8Array(300_000).fill(v))
  await writeAtomic(path, versions[0] as Uint8Array)
  let writing = true
  const writer = (async () => {
    for (let i = 0; i < 20; ++i) await writeAtomic(path, versions[i % 2] as Uint8Array)
    writing = false
  })()
  let reads = 0
  while (writing) {
    const bytes = await readBytes(path)
    assert.is(bytes.length, 300_000)
    assert.ok(bytes.every((byte) => byte === bytes[0]))
    ++reads
  }
  await writer
  assert.ok(reads > 0)
})

files('concurrent writers of one path leave one whole file', async ({ dir }) => {
  const path = join(dir, 'a.bin')
  await Promise.all([1, 2, 3, 4].map((v) => writeAtomic(path, new Uint8Array(1000).fill(v))))
  const bytes = readFileSync(path)
  assert.is(bytes.length, 1000)
  assert.ok(bytes.every((byte) => byte === bytes[0]))
  assert.equal(readdirSync(dir), ['a.bin'])
})

files('a failed write keeps the old content and no temporary file', async ({ dir }) => {
  const path = join(dir, 'folder')
  mkdirSync(path)
  writeFileSync(join(path, 'inside'), 'x')
  await refused(writeAtomic(path, 'text'), 'ERR_FILE', path, 'written')
  assert.equal(readdirSync(dir), ['folder'])
  assert.equal(readdirSync(path), ['inside'])
})

files('says what is wrong and what to do', async ({ dir }) => {
  await refused(readBytes(join(dir, 'none')), 'ERR_FILE', 'none', 'does not exist', 'check the path')
  await refused(readBytes(dir), 'ERR_FILE', dir, 'is a folder')
  await refused(writeAtomic(join(dir, 'none', 'a'), 'x'), 'ERR_FILE', 'cannot be written', 'does not exist')
  await refused(syncFolder(join(dir, 'none')), 'ERR_FILE', 'none', 'does not exist')
  const full = fileError('a', 'written', Object.assign(new Error('raw'), { code: 'ENOSPC' }))
  assert.match(full.message, 'no space left')
  assert.match(fileError('a', 'read', new Error('something else')).message, 'something else')
  const own = new DeepZeroError('ERR_RUN', 'own')
  assert.is(fileError('a', 'read', own), own)
})

// The superuser may write anywhere, so there the refusal cannot be seen.
const root = process.getuid?.() === 0
const unprivileged = testUnless(root ? 'running as the superuser' : null, undefined, files)
unprivileged('a folder without write permission is refused', async ({ dir }) => {
  const path = join(dir, 'closed')
  mkdirSync(path)
  chmodSync(path, 0o500)
  await refused(writeAtomic(join(path, 'a'), 'x'), 'ERR_FILE', 'permission denied')
})

files.run()
