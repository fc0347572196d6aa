/**
 * The parts of the bench harness that are Python and need no PyTorch: the roofline picture, the choice of a Python, and
 * the tables of docs/performance.md. Without python3 nothing is checked.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testUnless } from './fixtures/skip.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const fixture = join(root, 'test/fixtures/roofline.json')
const folder = mkdtempSync(join(tmpdir(), 'deepzero-bench-'))
test.after(() => rmSync(folder, { recursive: true }))

function python(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('python3', args, {
    cwd: join(root, 'bench'),
    encoding: 'utf8',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
}

const absent = python('--version').status !== 0
const check = testUnless(absent ? 'there is no python3' : null, 'python3')

check('the roofline picture is well-formed, follows the theme and names every shape', () => {
  const picture = join(folder, 'roofline.svg')
  const drawn = python('roofline.py', fixture, picture)
  assert.is(drawn.status, 0, drawn.stderr)
  const svg = readFileSync(picture, 'utf8')
  const parsed = python('-c', 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])', picture)
  assert.is(parsed.status, 0, parsed.stderr)
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text as string)
  for (const shape of ['3×32×32→16, 3×3', '16×32×32→32, 3×3/2', '64×8×8→64, 3×3, 8 images', 'n=1024'])
    assert.ok(texts.includes(shape), `${shape} is not in the picture`)
  for (const roof of ['L2 100 GB/s', 'memory 10 GB/s', 'avx2 multiply-adds: 100 GFLOP/s'])
    assert.ok(texts.includes(roof), `${roof} is not in the picture`)
  assert.match(svg, '@media (prefers-color-scheme: dark)')
  // Shares of the roof: min(4 · 1e11, 144 · 1e11) for Winograd, 8e10 of 1e11, 2e10 of a third of 1e11.
  for (const share of ['75 %', '80 %', '60 %'])
    assert.ok(texts.includes(share), `${share} is not in the picture`)
})

check('every coordinate of the picture lies in it', () => {
  const picture = join(folder, 'inside.svg')
  assert.is(python('roofline.py', fixture, picture).status, 0)
  const svg = readFileSync(picture, 'utf8')
  const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/)!.map(Number)
  let count = 0
  for (const [, axis, value] of svg.matchAll(/ (c?[xy][12]?)="([^"]+)"/g)) {
    count += 1
    const number = Number(value)
    assert.ok(number >= 0 && number <= (axis!.includes('x') ? width! : height!), `${axis} = ${value}`)
  }
  assert.ok(count > 100, `only ${count} coordinates were found`)
})

check('another JSON than that of --roofline is refused', () => {
  const other = join(folder, 'other.json')
  writeFileSync(other, '{"mode": "peak"}')
  const { status, stderr } = python('roofline.py', other, join(folder, 'other.svg'))
  assert.is(status, 2)
  assert.match(stderr, 'expected the JSON of deepzero_bench --roofline, received mode peak')
})

check('without PyTorch one line says what to install', () => {
  const { status, stderr } = python(
    '-c',
    'import torch_python; torch_python.has_torch = lambda python: False; torch_python.find()',
  )
  assert.is(status, 1)
  assert.match(
    stderr,
    /^bench: expected a python3 with PyTorch, found none among .*apt-get install python3-torch.*\n$/,
  )
})

check('the tables of a record are Markdown', () => {
  const { status, stdout, stderr } = python('tables.py', fixture)
  assert.is(status, 0, stderr)
  const rows = stdout.split('\n').filter((line) => line.startsWith('|'))
  assert.is(rows.length, 2 + 4)
  assert.ok(rows.every((row) => row.split('|').length === rows[0]!.split('|').length))
  assert.match(stdout, /\| 64×8×8→64, 3×3, 8 images \| .*75 %/)
})

test.run()
