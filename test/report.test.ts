// The report as a file: what stands in it, that nothing read from a file becomes markup, its bounds, and the command.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { flagOf } from '../lib/cli/flags.ts'
import { CACHE, imageFolder } from '../lib/data/image-folder.ts'
import { imagePng } from '../lib/data/pixels.ts'
import { writeReport } from '../lib/index.ts'
import { groupSize, thinned } from '../lib/report/curve.ts'
import { pointsFor, rates } from '../lib/report/curves.ts'
import { html } from '../lib/report/markup.ts'
import { reportOptions, watchOptions } from '../lib/report/options.ts'
import { LARGEST_PAGE, MOST_RUNS, page } from '../lib/report/page.ts'
import { markers, runColours } from '../lib/report/palette.ts'
import { decision } from '../lib/report/predictions.ts'
import { RunReader, type RunView } from '../lib/report/run-reader.ts'
import { linearScale, logScale, roundStep } from '../lib/report/scale.ts'
import { makeReport } from '../lib/report/write-report.ts'
import { deepzero, refused } from './fixtures/command.ts'
import { contrast } from './fixtures/contrast.ts'
import { rejects } from './fixtures/rejects.ts'
import { runDirectory, text } from './fixtures/run-directory.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-reports-'))
let files = 0
const fresh = (): string => join(folder, `report-${++files}.html`)
const facts = { version: '0.0.0', made: 'today', by: 'a test' }
const count = (page: string, pattern: RegExp): number => [...page.matchAll(pattern)].length

/** Tags in the order that they open and close, so that each is closed once. */
function wellFormed(page: string): string[] {
  const open: string[] = []
  const empty = new Set(['meta', 'link', '!doctype'])
  const faults: string[] = []
  for (const [, close, name, rest] of text(page).matchAll(/<(\/?)([a-z!][\w-]*)((?:"[^"]*"|[^">])*)>/gi)) {
    if (close) {
      const last = open.pop()
      if (last !== name) faults.push(`${last} is closed by ${name}`)
    } else if (!empty.has(name as string) && !rest?.endsWith('/')) open.push(name as string)
  }
  return [...faults, ...open]
}

test('a report of one run has all its parts', async () => {
  const run = await runDirectory({ name: 'first' })
  const out = fresh()
  const { bytes, runs } = await writeReport([run], { out, threads: 1 })
  const page = readFileSync(out, 'utf8')
  assert.is(Buffer.byteLength(page), bytes)
  assert.equal(runs[0]!.missing, [])
  assert.equal(wellFormed(page), [])
  for (const id of ['accuracy', 'loss', 'queries', 'time', 'rate', 'elapsed', 'lr', 'norm'])
    assert.match(page, `id="chart-${id}"`)
  for (const [pattern, least] of [
    [/class="series c0 test"/g, 4],
    [/class="heat"/g, 2],
    [/data-name="fc\.weight"/g, 2],
    [/<td class="t\d+ hit"/g, 10],
    [/src="data:image\/png;base64,/g, 10],
    [/<details class="numbers"/g, 10],
    [/scope="row"/g, 20],
  ] as const)
    assert.ok(count(page, pattern) >= least, `${pattern}: ${count(page, pattern)}`)
  assert.match(text(page), 'Layer ratios')
  assert.match(text(page), /<dt>batchSize<\/dt><dd>20<\/dd>/)
  assert.match(text(page), /cpu avx2/)
  assert.match(text(page), /60 test images/)
  assert.not.match(page, 'Not in this report')
})

test('a report needs nothing from outside, and its policy allows nothing', async () => {
  const out = fresh()
  await writeReport([await runDirectory()], { out, threads: 1 })
  const page = readFileSync(out, 'utf8')
  assert.not.match(page, /(src|href)="(?!data:|#)/)
  assert.not.match(page, /@import|url\(|https?:/)
  assert.match(page, /default-src &#39;none&#39;/)
  assert.match(page, /connect-src &#39;none&#39;/)
  assert.not.match(page, 'unsafe-inline')
  assert.not.match(page, / style="| on\w+="/)
})

const hostile = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>\u202e\u0000'

test('nothing that files hold becomes markup', async () => {
  const layers = [hostile, '</svg><script>alert(2)</script>']
  const ratios = { layers: { [hostile]: { keep: 5, of: 10 } }, method: hostile }
  const config = {
    ...{ network: hostile, lr: hostile, [hostile]: hostile, ratios, version: hostile, networkHash: hostile },
    ...{ machine: { processor: hostile, node: hostile }, sizes: { [hostile]: hostile }, format: hostile },
  }
  const name = hostile.replaceAll('/', '').replaceAll('\u0000', '')
  const one = await runDirectory({ name, layers, config })
  const two = await runDirectory({ name: 'plain', layers, config: { ...config, lr: 2 } })
  writeFileSync(join(two, 'lock'), JSON.stringify({ pid: 1, host: hostile }))
  for (const directories of [[one], [two], [one, two]]) {
    const out = fresh()
    await writeReport(directories, { out, threads: 1 })
    const page = readFileSync(out, 'utf8')
    assert.is(count(page, /<script/g), 1)
    assert.is(count(page, /<img src=x/g), 0)
    assert.ok(count(page, /&lt;script&gt;/g) > 3)
    assert.not.match(page, /(?!\n)[\p{Cc}\u202e]/u)
    assert.equal(wellFormed(page), [])
  }
})

test('the tag escapes whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const { text } = html`<p title="${value}">${[value, html`<b>${value}</b>`]}</p>`
      assert.is(count(text, /[<>]/g), 8)
      assert.is(count(text, /"/g), 2)
    }),
  )
  assert.is(html`${null}${undefined}${false}${0}`.text, '0')
})

test('several runs: a table that sorts, a colour and a marker each, what differs', async () => {
  const directories = await Promise.all(
    [1, 2, 3].map((seed) =>
      runDirectory({ name: `seed-${seed}`, seed, config: { seed, sparsity: seed / 10 } }),
    ),
  )
  const out = fresh()
  await writeReport(directories, { out, threads: 1 })
  const page = readFileSync(out, 'utf8')
  assert.equal(wellFormed(page), [])
  assert.is(count(page, /<button type="button" data-sort>/g), 12)
  assert.is(count(page, /data-toggle="run"/g), 3)
  for (const run of [0, 1, 2]) assert.ok(count(page, new RegExp(`class="series c${run} test"`, 'g')) >= 4)
  const differs = text(page).split('What differs')[1]!.split('<details')[0]!
  assert.equal(
    [...differs.matchAll(/<code>(\w+)<\/code>/g)].map(([, key]) => key),
    ['sparsity', 'seed'],
  )
})

test('a page is bounded, whatever the runs hold', async () => {
  const layers = Array.from({ length: 130 }, (_, i) => `layer${i}.${'long'.repeat(40)}`)
  const big = await runDirectory({ epochs: 150, steps: 120, layers, weights: false })
  const view = await new RunReader(big).read()
  const image = `data:image/png;base64,${'A'.repeat(9000)}`
  const classes = Array.from({ length: 40 }, (_, i) => `class ${i}`)
  const predictions = {
    ...{ classes, images: 1000, correct: 0, note: null },
    matrix: classes.map(() => classes.map(() => 1)),
    wrong: [{ index: 0, label: 0, predicted: 1, confidence: 1, source: image }],
  }
  const config = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`option${i}`, 'value'.repeat(100)]),
  )
  const shares = layers.map((name) => ({ name, keep: 1, of: 3 }))
  for (const runs of [1, 10, MOST_RUNS]) {
    const views = Array.from(
      { length: runs },
      (_, i): RunView => ({ ...view, name: `run ${i}`, config, layers: shares, predictions }),
    )
    const size = Buffer.byteLength(page(views, facts))
    console.log(`${runs} runs of 18,000 steps: ${size} bytes`)
    assert.ok(size <= LARGEST_PAGE, `${runs} runs: ${size} bytes`)
  }
  await rejects(
    writeReport(new Array(MOST_RUNS + 1).fill(big), { out: fresh() }),
    'ERR_INVALID_ARGUMENT',
    /number of runs: expected an integer from 1 to 40, received 41/,
  )
})

test('damaged runs are reported as far as they go', async () => {
  const run = await runDirectory()
  truncateSync(join(run, 'metrics.jsonl'), 900)
  rmSync(join(run, 'config.json'))
  truncateSync(join(run, 'checkpoints/12/model.safetensors'), 10)
  const out = fresh()
  const { runs } = await writeReport([run], { out, threads: 1 })
  assert.ok(runs[0]!.missing.length >= 4)
  const page = text(readFileSync(out, 'utf8'))
  assert.match(page, /Not in this report: \d parts/)
  assert.match(page, /<b>configuration<\/b>: config\.json: there is no such file/)
  assert.match(page, 'chart-loss')
  assert.equal(wellFormed(page), [])

  const bare = join(folder, 'bare')
  mkdirSync(join(bare, 'checkpoints'), { recursive: true })
  await writeReport([bare], { out, threads: 1 })
  assert.match(readFileSync(out, 'utf8'), 'holds no checkpoint')
})

test('without the data set the report says so', async () => {
  const run = await runDirectory({ config: { data: join(folder, 'no such folder') } })
  const { runs } = await writeReport([run], { out: fresh(), threads: 1 })
  assert.equal(
    runs[0]!.missing.map(({ what }) => what),
    ['confusion matrix and wrong images'],
  )
  assert.match(runs[0]!.missing[0]!.why, /--data DIR names another folder/)
  const found = await makeReport([run], { out: fresh(), data: 'builtin', threads: 1 })
  assert.is(found.views[0]!.predictions?.images, 60)
  assert.match(found.views[0]!.predictions?.note ?? '', /the run recorded 35\.00 % for these weights/)
})

test('image folders are only read: no cache is made, neither beside the images nor where the run had its own', async () => {
  const images = join(folder, 'images')
  for (let label = 0; label < 10; ++label)
    for (const split of ['train', 'test']) {
      mkdirSync(join(images, split, `class ${label}`), { recursive: true })
      const bytes = imagePng(new Uint8Array(3 * 32 * 32).fill(20 * label), [3, 32, 32])
      writeFileSync(join(images, split, `class ${label}`, '1.png'), bytes)
    }
  const dataCache = join(folder, 'cache of the run')
  const run = await runDirectory({ config: { data: images, dataCache, testImages: 0 } })
  const temporary = mkdtempSync(join(folder, 'temporary-'))
  const before = process.env.TMPDIR
  process.env.TMPDIR = temporary
  try {
    const made = async () => (await makeReport([run], { out: fresh(), threads: 1 })).views[0]!
    const { predictions, missing } = await made()
    assert.is(predictions?.images, 10, JSON.stringify(missing))
    assert.equal(readdirSync(images).sort(), ['test', 'train'])
    assert.not(existsSync(dataCache))
    assert.equal(readdirSync(temporary), [])
    // A cache that is there is used: once its records are damaged, that is what is said.
    await imageFolder(images)
    const cached = join(images, CACHE, 'test-3x32x32.inputs')
    const bytes = readFileSync(cached)
    bytes[8]! ^= 1
    writeFileSync(cached, bytes)
    assert.match((await made()).missing[0]?.why ?? '', /not what was written/)
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})

test('a file that is no report is not replaced, and nothing is left half written', async () => {
  const run = await runDirectory({ weights: false })
  const out = fresh()
  writeFileSync(out, '<html>mine</html>')
  await rejects(writeReport([run], { out }), 'ERR_INVALID_ARGUMENT', /of a report to replace, .*--force/)
  assert.is(readFileSync(out, 'utf8'), '<html>mine</html>')
  await writeReport([run], { out, force: true })
  await writeReport([run], { out })
  await writeReport([run], { out: join(folder, 'none', 'a.html') })
  await writeReport([run], { out: join(folder, 'other', 'a.html'), force: true })
  await rejects(writeReport([run], { out: folder }), 'ERR_INVALID_ARGUMENT', /a folder is there/)
  await rejects(writeReport([run], { colour: 'red' } as object), 'ERR_UNKNOWN_OPTION', /colour/)
})

test('the command: exit codes, what is missing on the terminal, JSON', async () => {
  const run = await runDirectory({ name: 'told', weights: false })
  const out = fresh()
  const said = deepzero('report', run, '--out', out)
  assert.is(said.code, 0, said.err)
  assert.match(said.out, /^told: not in the report: weights: the directory holds no checkpoint$/m)
  assert.match(said.out, /1 run, \d+ KiB/)
  assert.ok(existsSync(out))
  const json = JSON.parse(deepzero('report', run, run, '--out', out, '--json', '--no-predictions').out)
  assert.is(json.runs.length, 2)
  assert.is(json.runs[0].state, 'done')
  refused(2, /expected a run directory/, 'report', folder)
  refused(2, /it does not exist/, 'report', join(folder, 'nothing'))
  refused(2, /missing required argument/, 'report')
  refused(2, /unknown option '--outt'; did you mean --out/, 'report', run, '--outt', 'x')
  writeFileSync(out, 'mine')
  refused(2, /--force/, 'report', run, '--out', out)
})

test('docs/reports.md has every option with its flag and default', () => {
  const guide = readFileSync(new URL('../docs/reports.md', import.meta.url), 'utf8')
  for (const [heading, table] of [
    ['## Options of `deepzero report`', reportOptions],
    ['## The live view', watchOptions],
  ] as const) {
    const part = guide.split(heading)[1]?.split('\n## ')[0] ?? ''
    const rows = [...part.matchAll(/^\| `(\w+)` \| `(--[\w-]+)` \| (.*?) \|/gm)].map(([, ...cells]) => cells)
    const flag = (name: string, value: unknown): string =>
      value === true ? `--no-${flagOf(name).slice(2)}` : flagOf(name)
    assert.equal(
      rows,
      Object.entries(table).map(([name, spec]) => [name, flag(name, spec.default), String(spec.default)]),
    )
  }
})

// --- The parts ---

test('curves keep their ends and their mean, and never have too many points', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 3, max: 400 }), (length, most) => {
      const points = Array.from({ length }, (_, x) => ({ x, y: 2 * x + 1 }))
      const thin = thinned(points, most)
      assert.ok(thin.length <= most || thin.length === length)
      assert.equal([thin[0], thin.at(-1)], [points[0], points.at(-1)])
      // Means of points on a line lie on the line; 1e-9 for the rounding of sums.
      for (const { x, y } of thin) assert.ok(Math.abs(y - (2 * x + 1)) <= 1e-9 * length)
      if (thin.length < length) assert.ok(groupSize(length, most) > 1)
    }),
  )
  assert.ok(pointsFor(1) > pointsFor(40))
})

test('throughput is queries over seconds, not a mean of rates', () => {
  const step = (n: number, queries: number, seconds: number) =>
    ({ step: n, queries, seconds }) as Parameters<typeof rates>[0][number]
  assert.equal(rates([step(1, 10, 1), step(2, 10, 4), step(3, 5, 5)], 1), [{ x: 3, y: 2.5 }])
  assert.equal(rates([step(1, Number.NaN, 1), step(2, 10, 0)], 2), [])
})

test('axes have round ticks inside their range', () => {
  assert.equal(
    [roundStep(1, 5), roundStep(7, 5), roundStep(0.04, 4)].map((n) => Number(n.toPrecision(6))),
    [0.2, 2, 0.01],
  )
  fc.assert(
    fc.property(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      (low, range) => {
        for (const round of [true, false]) {
          const { ticks, from, to, at } = linearScale(low, low + range, 5, round)
          assert.ok(ticks.length >= 1 && ticks.length <= 9, String(ticks))
          const slack = 1e-6 * (to - from) + 1e-9 * Math.abs(low)
          for (const tick of ticks) assert.ok(tick >= from - slack && tick <= to + slack)
          assert.ok(at(low) >= -1e-6 && at(low + range) <= 1 + 1e-6)
        }
      },
    ),
  )
  assert.equal(linearScale(3, 3, 5, true).ticks.length > 1, true)
  assert.equal(linearScale(Infinity, -Infinity, 5, true).from, 0)
  const { ticks, at } = logScale(0.001, 10)
  assert.equal(ticks, [0.001, 0.01, 0.1, 1, 10])
  assert.ok(Math.abs(at(0.1) - 0.5) <= 1e-12)
})

/** Colours as people without one kind of cones see them (Machado, Oliveira and Fernandes 2009, severity 1). */
const dichromacies = {
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
} as const

test('colours of runs stand out from the page, and are never the only difference', () => {
  // What charts are drawn on: light, dark by the system's choice, dark by the reader's.
  const style = readFileSync(new URL('../lib/report/page.css', import.meta.url), 'utf8')
  const pages = [...style.matchAll(/--card: (#[0-9a-f]{6});/g)].map(([, colour]) => colour!)
  assert.is(pages.length, 3)
  assert.is(pages[2], pages[1])
  let compared = 0
  for (const [i, pair] of runColours.entries()) {
    for (const theme of [0, 1] as const) {
      const found = contrast(pair[theme], pages[theme]!)
      assert.ok(found >= 3, `${pair[theme]} on ${pages[theme]}: ${found.toFixed(2)}`)
      for (const [j, other] of runColours.entries()) {
        if (j <= i) continue
        compared += 1
        for (const matrix of Object.values(dichromacies)) {
          const seen = (hex: string): number[] => {
            const rgb = [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16) / 255)
            return [0, 3, 6].map((row) => rgb.reduce((sum, value, k) => sum + value * matrix[row + k]!, 0))
          }
          const [a, b] = [seen(pair[theme]), seen(other[theme])]
          const distance = Math.hypot(...a.map((value, k) => value - b[k]!))
          // Neighbours in the list meet most often; any two differ at least a little.
          assert.ok(
            distance >= (j === i + 1 ? 0.15 : 0.07),
            `${pair[theme]} and ${other[theme]}: ${distance}`,
          )
        }
      }
    }
  }
  assert.is(compared, 90)
  assert.is(new Set(markers).size, runColours.length)
  assert.is(contrast('#ffffff', '#000000'), 21)
})

test('PNGs hold the pixels', () => {
  const size = [3, 2, 2] as const
  const png = Buffer.from(imagePng(Uint8Array.from([1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24]), size))
  assert.is(png.toString('latin1', 1, 4), 'PNG')
  assert.equal([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]], [2, 2, 8, 2])
  const at = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
  assert.equal([...rows], [0, 1, 11, 21, 2, 12, 22, 0, 3, 13, 23, 4, 14, 24])
  assert.is(png.toString('hex').slice(-24), '0000000049454e44ae426082')
  assert.is(imagePng(new Uint8Array(4), [1, 2, 2])[25], 0)
})

test('the decision is the first of the largest outputs', () => {
  const { predicted, confidence } = decision(Float32Array.from([1, 3, 3]))
  assert.is(predicted, 1)
  // 1 / (1 + 1 + e⁻²) in float64.
  assert.ok(Math.abs(confidence - 1 / (2 + Math.exp(-2))) <= 1e-12)
})

test.run()
