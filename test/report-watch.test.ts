// The live view: what it serves and refuses, how it follows a run, and how it ends.
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isOurs } from '../lib/report/live-server.ts'
import { environment, main, refused } from './fixtures/command.ts'
import { rejects } from './fixtures/rejects.ts'
import { metricsLines, runDirectory } from './fixtures/run-directory.ts'
import { watch } from './fixtures/watch.ts'

/** Longest wait for something that comes within a second or two. */
const PATIENCE = 60_000

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Not by fetch, which sets Host itself. */
const ask = (
  url: string,
  path = '/',
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(url)
    const sent = request(
      { host: host.replace(/[[\]]/g, ''), port, path, headers, method, agent: false },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
      },
    )
    sent.on('error', reject).end()
  })

interface Event {
  readonly event: string
  readonly data: {
    readonly title?: string
    readonly parts?: Readonly<Record<string, { readonly text: string }>>
  }
}

/** Follows the events of a page; `next` resolves with the first, from those not yet looked at, that fits. */
function follow(address: string): {
  next: (fits: (event: Event) => boolean) => Promise<Event>
  gone: Promise<void>
} {
  const events: Event[] = []
  let wake = (): void => {}
  let end = (): void => {}
  const gone = new Promise<void>((resolve) => {
    end = resolve
  })
  request(new URL('events', address), { agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
        const lines = text.slice(0, at).split('\n')
        text = text.slice(at + 2)
        const field = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const [event, data] = [field('event'), field('data')]
        if (event && data) events.push({ event, data: JSON.parse(data) })
      }
      wake()
    })
    response.on('close', end)
  }).end()
  return {
    gone,
    async next(fits) {
      const late = Date.now() + PATIENCE
      for (;;) {
        while (events.length > 0) {
          const event = events.shift() as Event
          if (fits(event)) return event
        }
        if (Date.now() > late) throw new Error('no such event came')
        await Promise.race([
          new Promise<void>((resolve) => {
            wake = resolve
          }),
          pause(200),
        ])
      }
    },
  }
}

const says = (part: string, pattern: RegExp) => (event: Event) =>
  pattern.test(event.data.parts?.[part]?.text ?? '')
const holder = (pid: number): string => JSON.stringify({ pid, host: hostname(), started: null })

test('the page follows the run: grows, is cut back by a resume, stops, is gone, is done', async () => {
  const run = await runDirectory({ weights: false, config: { epochs: 5 } })
  const metrics = join(run, 'metrics.jsonl')
  const lock = join(run, 'lock')
  writeFileSync(lock, holder(process.pid))
  const watched = await watch(run)
  try {
    const page = await ask(watched.address)
    assert.is(page.status, 200)
    assert.match(page.body, /<body data-live>/)
    assert.match(page.body, /class="state running"/)
    assert.match(page.body, /3 epochs/)
    const events = follow(watched.address)
    const all = await events.next(({ event }) => event === 'parts')
    assert.ok(Object.keys(all.data.parts!).includes('curves'), 'the first event has all parts')

    const lines = metricsLines({ epochs: 5 })
    const upToThree = readFileSync(metrics)
    appendFileSync(metrics, `${lines.slice(18, 24).join('\n')}\n`)
    const grown = await events.next(says('figures', /4 epochs/))
    assert.not.ok('layers' in grown.data.parts!, 'parts that are as before are not sent')

    truncateSync(metrics, Math.floor(upToThree.length / 2))
    await events.next(says('figures', /1 epoch</))
    truncateSync(metrics, 0)
    appendFileSync(metrics, `${lines.slice(0, 24).join('\n')}\n`)
    await events.next(says('figures', /4 epochs/))

    writeFileSync(lock, holder(2 ** 22 + 1))
    await events.next(says('status', /class="state gone".*is gone without an end/))
    rmSync(lock)
    await events.next(says('status', /class="state stopped".*--resume/))
    appendFileSync(metrics, 'damaged\n')
    await events.next(says('missing', /1 line is left out/))
    writeFileSync(metrics, `${lines.join('\n')}\n`)
    await events.next(says('status', /class="state done".*all 5 epochs are done/))

    renameSync(run, `${run}-moved`)
    await events.next(says('missing', /there is no such file/))
    renameSync(`${run}-moved`, run)
    await events.next(
      ({ data }) => data.parts?.missing !== undefined && !/no such file/.test(data.parts.missing.text),
    )

    const end = watched.end()
    await events.next(({ event }) => event === 'closed')
    await events.gone
    await end
  } finally {
    await watched.end()
  }
  assert.equal(watched.states.slice(0, 4), ['running', 'gone', 'stopped', 'done'])
})

test('nothing but the page and its events is served, and only under a name of this machine', async () => {
  const run = await runDirectory({ weights: false })
  const watched = await watch(run)
  try {
    const { address } = watched
    const { port } = new URL(address)
    for (const path of [
      '/config.json',
      '/metrics.jsonl',
      '/../config.json',
      '/%2e%2e/config.json',
      '/events/',
      '//',
      '/?x',
    ]) {
      const { status, body } = await ask(address, path)
      assert.is(status, 404, path)
      assert.not.match(body, 'deepzero-run')
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await ask(address, '/', {}, method)
      assert.equal([status, headers.allow], [405, 'GET'])
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.nip.io'])
      for (const path of ['/', '/events'])
        assert.is((await ask(address, path, { Host: host })).status, 421, `${host} ${path}`)
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, '[::1]:80', 'LOCALHOST'])
      assert.is((await ask(address, '/', { Host: host })).status, 200, host)
    const { headers } = await ask(address)
    assert.is(headers['x-frame-options'], 'DENY')
    assert.is(headers['cross-origin-resource-policy'], 'same-origin')
    assert.is(headers['access-control-allow-origin'], undefined)
  } finally {
    await watched.end()
  }
  assert.is(isOurs('stats.lan:80', 'stats.lan'), true)
  assert.is(isOurs(hostname(), '127.0.0.1'), true)
  assert.is(isOurs(undefined, '127.0.0.1'), false)
  assert.is(isOurs('user@localhost', '127.0.0.1'), false)
})

test('predictions come when the run does not go on', async () => {
  const run = await runDirectory({ config: { epochs: 9 } })
  writeFileSync(join(run, 'lock'), holder(process.pid))
  const watched = await watch(run, { predictions: true })
  try {
    const events = follow(watched.address)
    await events.next(says('missing', /they are made when the run is at its end/))
    rmSync(join(run, 'lock'))
    await events.next(says('status', /class="state stopped"/))
    const { data } = await events.next(says('predictions', /Confusion matrix/))
    assert.match(data.parts!.predictions!.text, /60 test images/)
  } finally {
    await watched.end()
  }
})

test('a port that is taken, a strange address and no run are refused', async () => {
  const run = await runDirectory({ weights: false })
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as { port: number }
  await rejects(watch(run, { port }), 'ERR_INVALID_ARGUMENT', /another program listens there; --port 0/)
  // Nor is anything evaluated then, which would keep the process.
  const done = await runDirectory()
  const temporary = mkdtempSync(join(tmpdir(), 'deepzero-watch-'))
  const before = process.env.TMPDIR
  process.env.TMPDIR = temporary
  try {
    const refusal = watch(done, { port, predictions: true })
    await rejects(refusal, 'ERR_INVALID_ARGUMENT', /another program listens there/)
    await pause(100)
    assert.equal(readdirSync(temporary), [])
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
  blocker.close()
  await rejects(watch(run, { host: '192.0.2.1' }), 'ERR_INVALID_ARGUMENT', /no such address/)
  refused(2, /--port: expected an integer from 0 to 65535/, 'watch', run, '--port', '70000')
  refused(2, /it does not exist/, 'watch', join(run, 'none'))
  refused(2, /missing required argument/, 'watch')
})

test('the command ends with Ctrl-C, also while a page follows', async () => {
  const run = await runDirectory({ weights: false })
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'watch', run, '--port', '0'], {
    env: environment(),
  })
  let said = ''
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const address = await new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
      const found = said.match(/watching .* at (http:\S+)/)?.[1]
      if (found) resolve(found)
    })
  })
  const events = follow(address)
  await events.next(({ event }) => event === 'parts')
  child.kill('SIGINT')
  await events.next(({ event }) => event === 'closed')
  assert.is(await ended, 0)
  assert.match(said, /^done: all 3 epochs are done$/m)
  assert.match(said, /ended; the run is not touched/)
})

test.run()
