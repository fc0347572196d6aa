/**
 * README, guides and examples say what is true: links lead somewhere, snippets and examples run, and codes, options,
 * defaults, exit codes, purposes and flags are those of the code. Each check prints what it covered and fails when that
 * is nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exitCodeOf } from '../lib/cli/exit.ts'
import { flagOf } from '../lib/cli/flags.ts'
import { DeepZeroError, type ErrorCode, errorCodes } from '../lib/errors.ts'
import {
  cgeShape,
  evaluationDefaults,
  evaluationShape,
  rgeDefaults,
  rgeShape,
} from '../lib/estimators/options.ts'
import { presets } from '../lib/presets.ts'
import { pruningMethods, pruningOptions } from '../lib/pruning/options.ts'
import { Purpose } from '../lib/random.ts'
import { type OptionTable, trainingOptions } from '../lib/training/options.ts'
import { sourceOptions } from '../lib/training/source.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** All texts: those in the root, and everything under these folders. */
const texts: readonly string[] = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...['docs', 'bench', 'cuda'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md') && !file.startsWith('api'))
      .map((file) => join(folder, file)),
  ),
]

function covered(what: string, count: number, least = 1): void {
  console.log(`covered: ${count} ${what}`)
  assert.ok(count >= least, `expected at least ${least} ${what}, found ${count}`)
}

/** Fenced code: what stands behind the opening fence, and the lines inside. */
const fences = (text: string): { info: string; body: string }[] =>
  [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, info, body]) => ({
    info: info as string,
    body: body as string,
  }))

/** Without fenced code, whose brackets are no links. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '')

/** Anchors of a text's headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  return new Set(
    [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      (title as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

test('relative links lead to files and headings', () => {
  let links = 0
  const broken: string[] = []
  for (const file of texts) {
    for (const [, target] of prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target as string)) continue
      const [path = '', anchor] = (target as string).split('#')
      const found = path === '' ? file : join(dirname(file), path)
      links += 1
      if (!existsSync(join(root, found))) broken.push(`${file}: ${target}`)
      else if (anchor !== undefined && !anchors(read(found)).has(anchor)) broken.push(`${file}: ${target}`)
    }
  }
  covered(`links in ${texts.length} texts`, links, 20)
  assert.equal(broken, [])
})

test('files that texts name in code exist', () => {
  let names = 0
  const missing: string[] = []
  for (const file of texts.filter((name) => name !== 'CHANGELOG.md')) {
    // Paths below a folder of this repository; words in capitals stand for something.
    for (const [, name] of prose(read(file)).matchAll(
      /`((?:lib|engine|cpu|binding|test|bench|examples)\/[\w./-]*)`/g,
    )) {
      if (/[A-Z]{2,}|bench\/results/.test(name as string)) continue
      names += 1
      if (!existsSync(join(root, name as string))) missing.push(`${file}: ${name}`)
    }
  }
  covered('names of files', names, 20)
  assert.equal(missing, [])
})

test('docs/errors.md has every code, with its exit code, and no other', () => {
  const text = read('docs/errors.md')
  const sections = new Map(
    [...text.matchAll(/^## (ERR_\w+)\n\nExit code (\d+)\.([\s\S]*?)(?=^## |$(?![\s\S]))/gm)].map(
      ([, code, exit, body]) => [code as string, { exit: Number(exit), body: body as string }],
    ),
  )
  covered('error codes', sections.size)
  assert.equal([...sections.keys()].sort(), Object.keys(errorCodes).sort())
  for (const [code, { exit, body }] of sections) {
    assert.is(exit, exitCodeOf(new DeepZeroError(code as ErrorCode, 'cannot be written')), code)
    assert.ok(/^```\n.+\n/m.test(body), `${code}: a typical message`)
    assert.ok(body.split('```')[2]?.trim(), `${code}: what to do`)
  }
  for (const file of texts) {
    for (const [code] of read(file).matchAll(/\bERR_[A-Z_]+\b/g))
      assert.ok(Object.hasOwn(errorCodes, code), `${file} names ${code}, which does not exist`)
  }
})

test('docs/training.md has every option with its flag, default and whether it decides', () => {
  const text = read('docs/training.md')
  const rows = new Map(
    [...text.matchAll(/^\| `(\w+)` \| `(--[\w-]+)` \| (.*?) \| (yes|no) \|/gm)].map(([, name, ...cells]) => [
      name as string,
      cells,
    ]),
  )
  const options = { ...sourceOptions, ...trainingOptions }
  covered('options of training', rows.size)
  assert.equal([...rows.keys()].sort(), Object.keys(options).sort())
  for (const [name, spec] of Object.entries(options)) {
    const flag = spec.type === 'boolean' && spec.default ? `--no-${flagOf(name).slice(2)}` : flagOf(name)
    const value = Array.isArray(spec.default) ? JSON.stringify(spec.default) : String(spec.default)
    assert.equal(rows.get(name), [flag, value, spec.decides ? 'yes' : 'no'], name)
  }
})

test('docs/pruning.md has every option with its flag and default, and every method', () => {
  const text = read('docs/pruning.md')
  const rows = [...text.matchAll(/^\| `(\w+)` \| `(--[\w-]+)` \| (.*?) \|/gm)].map(([, ...cells]) => cells)
  covered('options of pruning', rows.length)
  const table: OptionTable = pruningOptions
  const flag = (name: string): string =>
    table[name]?.default === true ? `--no-${flagOf(name).slice(2)}` : flagOf(name)
  assert.equal(
    rows.sort(),
    Object.entries(table)
      .map(([name, { default: value }]) => [name, flag(name), String(value)])
      .sort(),
  )
  const methods = text.slice(text.indexOf('## Methods'), text.indexOf('### ZO-GraSP'))
  assert.equal(
    [...methods.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name),
    [...pruningMethods],
  )
})

test('docs/black-boxes.md has every option of the estimators with its default', () => {
  const tables = read('docs/black-boxes.md')
    .split(/^## /m)
    .find((section) => section.startsWith('Options\n'))
  const rows = [...(tables ?? '').matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name, value]) => [
    name,
    value,
  ])
  covered('options of the estimators', rows.length)
  // In this order: what cge takes, what rge takes besides, how f is called.
  const names = [...Object.keys({ ...cgeShape, ...rgeShape }), ...Object.keys(evaluationShape)]
  const defaults: Record<string, unknown> = { ...rgeDefaults, ...evaluationDefaults }
  assert.equal(
    rows,
    names.map((name) => [name, Object.hasOwn(defaults, name) ? String(defaults[name]) : '–']),
  )
})

test('docs/random.md has every purpose with its number', () => {
  const rows = [...read('docs/random.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)]
  covered('purposes', rows.length)
  assert.equal(Object.fromEntries(rows.map(([, name, number]) => [name, Number(number)])), { ...Purpose })
})

test('docs/training.md has every preset', () => {
  const lists = read('docs/training.md').matchAll(/^- ((?:`[\w-]+`, )*`[\w-]+`): /gm)
  const named = [...lists].flatMap(([, names]) => names!.split(', ').map((name) => name.slice(1, -1)))
  covered('presets', named.length)
  assert.equal(named.sort(), Object.keys(presets).sort())
})

const helpOf = (...command: string[]): string =>
  execFileSync(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', ...command, '--help'], {
    cwd: root,
    encoding: 'utf8',
  })

/** The flags of a command, as its help shows them. */
function flagsOf(...command: string[]): Set<string> {
  const help = helpOf(...command)
  return new Set([...help.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag as string))
}

test('commands and flags that texts and messages name exist', () => {
  const names = [...helpOf().matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name as string)
  covered('commands', names.length, 9)
  const commands = new Map(names.map((name) => [name, flagsOf(name)]))
  commands.set('data', new Set(['fetch', 'inspect'].flatMap((name) => [...flagsOf('data', name)])))
  const benchSource = read('bench/options.cpp')
  const scripts = new Set(Object.keys(JSON.parse(read('package.json')).scripts))
  const any = new Set([...commands.values()].flatMap((flags) => [...flags]))
  let lines = 0
  let flags = 0
  const wrong: string[] = []
  for (const file of texts) {
    for (const line of read(file).split('\n')) {
      for (const [, script] of line.matchAll(/\bnpm run ([a-z][\w:]*)/g))
        if (!scripts.has(script as string)) wrong.push(`${file}: npm run ${script}`)
      // A call of the command line, to the end of the code it stands in.
      for (const [, command, rest] of line.matchAll(
        /(?:\bdeepzero|npm run deepzero --) ([a-z]+)\b([^`]*)/g,
      )) {
        const known = commands.get(command as string)
        if (!known) {
          // In prose, "deepzero" may be followed by any word; in code, it is a command.
          if (/^( {4}|deepzero )/.test(line)) wrong.push(`${file}: deepzero ${command}`)
          continue
        }
        lines += 1
        for (const [flag] of (rest as string).split(' | ')[0]!.matchAll(/(?<=\s)--[a-z][\w-]*/g)) {
          flags += 1
          if (!known.has(flag)) wrong.push(`${file}: deepzero ${command} ${flag}`)
        }
      }
      for (const [, rest] of line.matchAll(/deepzero_bench( [^`#]*)/g))
        for (const [flag] of (rest as string).matchAll(/(?<=\s)--[a-z][\w-]*/g)) {
          flags += 1
          if (!benchSource.includes(`{"${flag}"`)) wrong.push(`${file}: deepzero_bench ${flag}`)
        }
      // A flag on its own in code: of some command, in the guides that are about the command line.
      if (/^(README\.md|docs\/(training|pruning|errors|data)\.md)$/.test(file))
        for (const [, flag] of line.matchAll(/`(--[a-z][\w-]*)[^`]*`/g)) {
          flags += 1
          if (!any.has(flag as string)) wrong.push(`${file}: ${flag}`)
        }
    }
  }
  covered(`calls of the command line with ${flags} flags`, lines, 10)
  assert.ok(flags >= 30, `expected at least 30 flags, found ${flags}`)
  assert.equal(wrong, [])
})

test("README's first two command blocks set up and run the main job, and the tests", () => {
  const blocks = fences(read('README.md')).flatMap(({ info, body }) => (info === '' ? [body] : []))
  covered('command blocks of the README', blocks.length, 2)
  assert.equal(blocks.slice(0, 2), ['npm install && npm run demo\n', 'npm install && npm test\n'])
})

/** Runs a file in the root; throws what it printed when it fails or prints nothing. */
function runs(name: string, args: readonly string[]): void {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.is(status, 0, `${name} ended with ${signal ?? status}\n${stdout}${stderr}`)
  assert.ok(stdout.trim() !== '', `${name} printed nothing`)
}

test('snippets marked runnable run, and have the right types', () => {
  // Inside the tree, so that imports and settings resolve; ignored by git like every build folder.
  const folder = join(root, `build-docs-${process.pid}`)
  mkdirSync(folder)
  try {
    const files: string[] = []
    for (const text of texts) {
      for (const { info, body } of fences(read(text))) {
        // Any other TypeScript would be code that nobody runs.
        assert.not.match(info, /^(ts|typescript)$/, `${text}: a snippet that is not marked runnable`)
        if (info !== 'ts runnable') continue
        const file = join(folder, `${files.length}-${text.replaceAll(/\W/g, '-')}.ts`)
        writeFileSync(file, body.replaceAll("'deepzero-native'", "'../lib/index.ts'"))
        files.push(file)
      }
    }
    covered('runnable snippets', files.length, 3)
    for (const file of files) runs(relative(root, file), [file])
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        compilerOptions: { rootDir: '..', noUnusedLocals: false },
        include: ['*.ts'],
      }),
    )
    const typed = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.is(typed.status, 0, typed.stdout + typed.stderr)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('examples run in their short form, and the README links each', () => {
  const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'))
  covered('examples', examples.length, 3)
  const readme = read('README.md')
  for (const file of examples) {
    assert.ok(statSync(join(root, 'examples', file)).size > 0, file)
    assert.ok(readme.includes(`(examples/${file})`), `README.md: no link to examples/${file}`)
    // Its arguments are numbers of images.
    runs(file, [`examples/${file}`, ...(file === 'linear-baseline.ts' ? ['100', '50'] : ['--short'])])
  }
})

test.run()
