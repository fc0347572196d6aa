// Downloads from a local server: whole, resumed, repeated, from another address, refused; archives that are not what they
// should be; and what the command says.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import tar from 'tar-stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cifar10 } from '../lib/data/cifar10.ts'
import { fetchData } from '../lib/data/fetch/fetch-data.ts'
import { type Source, sourceNames, sources } from '../lib/data/fetch/sources.ts'
import { unpack } from '../lib/data/fetch/unpack.ts'
import { mnist } from '../lib/data/mnist.ts'
import { cifarRecords, idx } from './fixtures/data-files.ts'
import { refused } from './fixtures/rejects.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

interface Context {
  dir: string
  server: Server
  address: string
  /** Path and Range of every request. */
  asked: string[]
  /** What the server answers, by path; what is missing is not found. */
  answers: Map<string, Answer>
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

/** A server's usual answer: with ranges, or without. */
const serve =
  (bytes: Uint8Array, ranges = true): Answer =>
  (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (!ranges || request.headers.range === undefined) {
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    } else if (start >= bytes.length) {
      response.writeHead(416).end()
    } else {
      const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
      response.writeHead(206, { 'content-range': range, 'content-length': bytes.length - start })
      response.end(bytes.subarray(start))
    }
  }

/** Sends so many bytes and breaks the connection. */
const breaksAfter =
  (bytes: Uint8Array, sent: number): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, sent), () => setTimeout(() => response.destroy(), 50))
  }

/** The answers one after another, then the last again and again. */
const inTurn = (...answers: Answer[]): Answer => {
  let turn = 0
  return (request, response) => answers[Math.min(turn++, answers.length - 1)]!(request, response)
}

const downloads = suite<Context>('downloads')
downloads.before.each(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'deepzero-fetch-'))
  context.asked = []
  context.answers = new Map()
  context.server = createServer((request, response) => {
    context.asked.push(`${request.url} ${request.headers.range ?? ''}`.trim())
    const answer = context.answers.get(request.url!)
    if (answer) answer(request, response)
    else response.writeHead(404).end('not here')
  })
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve))
  context.address = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}/`
})
downloads.after.each(async ({ dir, server }) => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(dir, { recursive: true, force: true })
})

const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) % 251)
const quick = { pauseMs: 1 }

const single = (address: string, bytes: Uint8Array = content): Source => ({
  title: 'a file',
  addresses: [address],
  files: [{ name: 'file.gz', md5: md5(bytes) }],
})

downloads('a file is downloaded once, with progress', async ({ dir, address, answers, asked }) => {
  answers.set('/file.gz', serve(content))
  let last: unknown
  const onProgress = (...values: unknown[]): void => {
    last = values
  }
  assert.equal(await fetchData(single(address), dir, { ...quick, onProgress }), { downloaded: ['file.gz'] })
  assert.equal(last, ['file.gz', content.length, content.length])
  assert.equal(new Uint8Array(readFileSync(join(dir, 'file.gz'))), content)
  assert.equal(await fetchData(single(address), dir, quick), { downloaded: [] })
  assert.equal(asked, ['/file.gz'])
  assert.equal(readdirSync(dir), ['file.gz'])
})

downloads('a broken connection goes on from where it broke', async ({ dir, address, answers, asked }) => {
  answers.set('/file.gz', inTurn(breaksAfter(content, 70_000), serve(content)))
  await fetchData(single(address), dir, quick)
  assert.is(asked.length, 2)
  assert.match(asked[1]!, /^\/file\.gz bytes=[1-9]\d*-$/)
  assert.equal(new Uint8Array(readFileSync(join(dir, 'file.gz'))), content)
})

downloads(
  'what was there before goes on; servers without ranges send all',
  async ({ dir, address, answers, asked }) => {
    writeFileSync(join(dir, 'file.gz.part'), content.subarray(0, 123))
    answers.set('/file.gz', serve(content))
    await fetchData(single(address), dir, quick)
    assert.equal(asked, ['/file.gz bytes=123-'])
    assert.equal(new Uint8Array(readFileSync(join(dir, 'file.gz'))), content)
    rmSync(join(dir, 'file.gz'))
    writeFileSync(join(dir, 'file.gz.part'), content.subarray(0, 123))
    answers.set('/file.gz', serve(content, false))
    await fetchData(single(address), dir, quick)
    assert.equal(new Uint8Array(readFileSync(join(dir, 'file.gz'))), content)
    // All was received, and the process ended before the file got its name.
    rmSync(join(dir, 'file.gz'))
    writeFileSync(join(dir, 'file.gz.part'), content)
    answers.set('/file.gz', serve(content))
    await fetchData(single(address), dir, quick)
    assert.equal(readdirSync(dir), ['file.gz'])
  },
)

downloads(
  'a part of another file is noticed, and all is downloaded again',
  async ({ dir, address, answers, asked }) => {
    writeFileSync(join(dir, 'file.gz.part'), new Uint8Array(500))
    answers.set('/file.gz', serve(content))
    await fetchData(single(address), dir, quick)
    assert.equal(asked, ['/file.gz bytes=500-', '/file.gz'])
  },
)

downloads('another part than was asked for is not appended', async ({ dir, address, answers, asked }) => {
  const have = content.subarray(0, 123)
  for (const range of [`bytes 100-${content.length - 1}/${content.length}`, 'bytes */200000', '']) {
    writeFileSync(join(dir, 'file.gz.part'), have)
    asked.length = 0
    answers.set('/file.gz', (_request, response) => {
      response.writeHead(206, range === '' ? {} : { 'content-range': range })
      response.end(content.subarray(100))
    })
    await refused(fetchData(single(address), dir, quick), 'ERR_DOWNLOAD', 'another part than asked for')
    assert.equal(asked, ['/file.gz bytes=123-'])
    assert.equal(new Uint8Array(readFileSync(join(dir, 'file.gz.part'))), have)
  }
})

downloads(
  'another file than the checksum belongs to is refused',
  async ({ dir, address, answers, asked }) => {
    answers.set('/file.gz', serve(content.subarray(1)))
    await refused(
      fetchData(single(address), dir, quick),
      'ERR_DOWNLOAD',
      md5(content),
      md5(content.subarray(1)),
      '2 attempts',
    )
    assert.is(asked.length, 2)
    assert.equal(readdirSync(dir), [])
  },
)

downloads(
  'a server that is down for a moment, down for good, or has no such file',
  async ({ dir, address, answers, asked }) => {
    const busy: Answer = (_request, response) => void response.writeHead(503).end()
    answers.set('/file.gz', inTurn(busy, busy, serve(content)))
    await fetchData(single(address), dir, quick)
    assert.is(asked.length, 3)
    rmSync(join(dir, 'file.gz'))
    answers.set('/file.gz', busy)
    await refused(
      fetchData(single(address), dir, quick),
      'ERR_DOWNLOAD',
      'answered 503',
      '3 attempts',
      'by another way',
      dir,
    )
    answers.delete('/file.gz')
    asked.length = 0
    await refused(fetchData(single(address), dir, quick), 'ERR_DOWNLOAD', 'answered 404')
    assert.is(asked.length, 1)
    await refused(
      fetchData(single('http://127.0.0.1:9/'), dir, quick),
      'ERR_DOWNLOAD',
      'http://127.0.0.1:9/file.gz',
    )
    await refused(fetchData(single('http://no-such-host.invalid/'), dir, quick), 'ERR_DOWNLOAD', 'network')
  },
)

downloads(
  'the next address, and one that was asked for instead',
  async ({ dir, address, answers, asked }) => {
    answers.set('/second/file.gz', serve(content))
    const source = { ...single(`${address}first/`), addresses: [`${address}first/`, `${address}second/`] }
    await fetchData(source, dir, quick)
    assert.equal(asked, ['/first/file.gz', '/second/file.gz'])
    rmSync(join(dir, 'file.gz'))
    asked.length = 0
    await fetchData(source, dir, { ...quick, from: `${address}second` })
    assert.equal(asked, ['/second/file.gz'])
  },
)

downloads(
  'a server that goes silent, and an abort, which keeps what came',
  async ({ dir, address, answers }) => {
    answers.set('/file.gz', (_request, response) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 1000))
    })
    await refused(
      fetchData(single(address), dir, { ...quick, idleMs: 100, attempts: 2 }),
      'ERR_DOWNLOAD',
      'nothing came for 0.1 s',
    )
    const stop = new AbortController()
    const work = fetchData(single(address), dir, {
      ...quick,
      signal: stop.signal,
      onProgress: (_file, done) => done >= 1000 && stop.abort(),
    })
    await refused(work, 'ERR_ABORTED', 'goes on where it stopped')
    assert.is(readFileSync(join(dir, 'file.gz.part')).length, 1000)
  },
)

interface Entry {
  readonly name: string
  readonly content?: Uint8Array
  readonly type?: 'file' | 'directory' | 'symlink' | 'link'
  readonly linkname?: string
}

async function archive(entries: readonly Entry[]): Promise<Uint8Array> {
  const pack = tar.pack()
  for (const { content: bytes, ...header } of entries)
    if (bytes === undefined) pack.entry(header)
    else pack.entry(header, Buffer.from(bytes))
  pack.finalize()
  const parts: Uint8Array[] = []
  for await (const part of pack) parts.push(part as Uint8Array)
  return gzipSync(Buffer.concat(parts))
}

const names = Array.from({ length: 10 }, (_, i) => `class${i}`).join('\n')
const cifarEntries: readonly Entry[] = [
  { name: 'cifar-10-batches-bin/', type: 'directory' },
  { name: 'cifar-10-batches-bin/data_batch_1.bin', content: cifarRecords(40, (i) => [i % 10]) },
  { name: 'cifar-10-batches-bin/readme.html', content: Buffer.from('hello') },
  { name: 'cifar-10-batches-bin/test_batch.bin', content: cifarRecords(7, (i) => [i]) },
  { name: 'cifar-10-batches-bin/batches.meta.txt', content: Buffer.from(names) },
]
const wanted = ['data_batch_1.bin', 'test_batch.bin', 'batches.meta.txt']

downloads(
  'an archive is downloaded, unpacked, readable, and not fetched twice',
  async ({ dir, address, answers, asked }) => {
    const bytes = await archive(cifarEntries)
    answers.set('/file.gz', serve(bytes))
    const source = { ...single(address, bytes), unpacks: wanted }
    await fetchData(source, dir, quick)
    assert.equal(readdirSync(dir).sort(), wanted.toSorted())
    const { train, test, classes } = await cifar10(dir)
    assert.equal([train.count, test.count, classes[3]], [40, 7, 'class3'])
    assert.equal(await fetchData(source, dir, quick), { downloaded: [] })
    assert.is(asked.length, 1)
  },
)

downloads('MNIST files stay zipped, and get names of classes', async ({ dir, address, answers }) => {
  const files = {
    'train-images-idx3-ubyte.gz': gzipSync(idx([3, 2, 2])),
    'train-labels-idx1-ubyte.gz': gzipSync(idx([3])),
    't10k-images-idx3-ubyte.gz': gzipSync(idx([1, 2, 2])),
    't10k-labels-idx1-ubyte.gz': gzipSync(idx([1])),
  }
  for (const [name, bytes] of Object.entries(files)) answers.set(`/${name}`, serve(bytes))
  await fetchData(
    {
      ...{ title: '', addresses: [address], classes: ['a', 'b', 'c'] },
      files: Object.entries(files).map(([name, bytes]) => ({ name, md5: md5(bytes) })),
    },
    dir,
    quick,
  )
  assert.equal((await mnist(dir)).classes, ['a', 'b', 'c'])
})

downloads('archives that reach outside, lie or are damaged leave nothing behind', async ({ dir }) => {
  const path = join(dir, 'a.tar.gz')
  const refusedWith = async (bytes: Uint8Array, ...words: string[]): Promise<void> => {
    writeFileSync(path, bytes)
    await refused(unpack(path, wanted, dir), 'ERR_DATA', 'a.tar.gz', ...words)
    assert.equal(readdirSync(dir), ['a.tar.gz'])
  }
  const file = { content: Buffer.from('x') }
  for (const name of ['../evil', 'a/../../evil', '/etc/evil', 'a\\..\\evil', 'C:evil'])
    await refusedWith(await archive([...cifarEntries, { name, ...file }]), 'inside', name)
  const link = { name: 'data_batch_1.bin', type: 'symlink', linkname: '/etc/passwd' } as const
  await refusedWith(await archive([link]), 'symlink')
  await refusedWith(await archive([{ ...link, type: 'link' }]), 'link')
  await refusedWith(await archive(cifarEntries.slice(0, 3)), 'test_batch.bin, found none')
  const twice = [...cifarEntries, { ...cifarEntries[1]!, name: 'other/data_batch_1.bin' }]
  await refusedWith(await archive(twice), 'found two')
  const good = await archive(cifarEntries)
  await refusedWith(good.subarray(0, good.length - 100))
  await refusedWith(good.subarray(0, 50))
  await refusedWith(gzipSync('no archive at all, but something that was zipped'.repeat(50)))
  await refusedWith(Buffer.from('not zipped'))
  // A header that claims 8 GiB, with its checksum put right.
  const claims = gunzipSync(await archive([{ name: 'data_batch_1.bin', content: Buffer.from('x') }]))
  claims.write('77777777777', 124, 'latin1')
  claims.fill(' ', 148, 156)
  const sum = claims.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  claims.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  await refusedWith(gzipSync(claims), 'more than its bytes can')
  writeFileSync(path, good)
  await refused(unpack(path, wanted, dir, AbortSignal.abort()), 'ERR_ABORTED')
  assert.equal(readdirSync(dir), ['a.tar.gz'])
  await unpack(path, wanted, dir)
  assert.is(readdirSync(dir).length, 4)
})

/** Runs the command line in a process of its own, with this process's server. */
async function command(
  ...given: (string | ((child: ChildProcess) => void))[]
): Promise<{ code: number | null; out: string; err: string }> {
  const args = given.filter((value) => typeof value === 'string')
  const root = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...args], { cwd: root })
  for (const value of given) if (typeof value !== 'string') value(child)
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, out, err }
}

downloads(
  'the command: wrong names, a mirror with another file, Ctrl-C',
  async ({ dir, address, answers }) => {
    const part = join(dir, 'cifar-10-binary.tar.gz.part')
    const unknown = await command('data', 'fetch', 'cifar', '--out', dir)
    assert.is(unknown.code, 2)
    assert.match(unknown.err, /expected 'cifar10'.*did you mean 'cifar10'/)
    answers.set('/cifar-10-binary.tar.gz', serve(content))
    const other = await command('data', 'fetch', 'cifar10', '--out', dir, '--from', address)
    assert.is(other.code, 3)
    assert.ok(other.err.includes(md5(content)), other.err)
    assert.equal(readdirSync(dir), [])
    answers.set('/cifar-10-binary.tar.gz', (_request, response) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 1000))
    })
    const stopped = await command('data', 'fetch', 'cifar10', '--out', dir, '--from', address, (child) => {
      const look = setInterval(() => {
        if (!existsSync(part) || readFileSync(part).length < 1000) return
        clearInterval(look)
        child.kill('SIGINT')
      }, 20)
    })
    assert.is(stopped.code, 130)
    assert.match(stopped.err, /goes on where it stopped/)
    assert.is(readFileSync(part).length, 1000)
  },
)

downloads('every source has checksums of the right form, and its files are those that readers take', () => {
  assert.equal(sourceNames, ['cifar10', 'cifar100', 'mnist', 'fashion-mnist'])
  for (const source of Object.values<Source>(sources)) {
    for (const { md5: checksum } of source.files) assert.match(checksum, /^[0-9a-f]{32}$/)
    for (const address of source.addresses) assert.match(address, /^https?:\/\/.*\/$/)
  }
})

downloads.run()
