/**
 * The arrows of the architecture, read from #include and import lines:
 *
 *     lib → (lib/native.ts) → binding → engine ← cpu, cuda          bench, test/native → all native parts but binding
 *
 * Only binding/ knows Node, only cuda/ knows CUDA (on the addon's side of its interface, cuda/client/, not even that), only
 * lib/native.ts has the addon loaded, which lib/binary/ finds. Files compiled for a newer instruction set (avx2.cpp,
 * avx512.cpp) reach nothing but headers whose functions have internal linkage.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

function files(folder: string, ending: RegExp): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => ending.test(file))
    .map((file) => posix.join(folder, file))
    .sort()
}

/** Fails with all violations; says how many files were looked at, and fails at none. */
function judge(what: string, looked: readonly string[], violations: readonly string[]): void {
  console.log(`${what}: ${looked.length} files`)
  assert.ok(looked.length > 0, `${what}: no file was found`)
  assert.equal(violations, [])
}

// --- C++ ---

const SOURCE = /\.(cpp|h|cu|cuh)$/
/** Which quoted includes the files of a folder may have. */
const arrows: readonly (readonly [folder: string, may: RegExp])[] = [
  ['engine', /^engine\//],
  ['cpu', /^(cpu|engine)\//],
  // The addon makes backends and reports instruction sets and devices; how they work is not its concern.
  ['binding', /^(binding|engine)\/|^cpu\/(backend|isa)\.h$|^cuda\/client\/(backend|library)\.h$/],
  ['cuda', /^(cuda|engine)\//],
  ['bench/cuda', /^(bench|cuda|engine)\//],
  ['bench', /^(bench|cpu|engine)\/|^cuda\/client\/(backend|library)\.h$/],
  ['test/native', /^(test\/native|bench|cpu|cuda|engine)\//],
]
/** Headers from outside that one part alone may have. */
const reserved: readonly (readonly [header: RegExp, owner: RegExp, why: string])[] = [
  [/^(napi|node|node_api|node_api_types|js_native_api|v8|uv)\.h$/, /^binding\//, 'only binding/ knows Node'],
  [
    /^(cuda(?!\/)|cublas|cudnn|nccl|nvrtc|nvml|mma|cooperative_groups|device_launch|cub\/|cutlass\/|cute\/|nvtx3\/)/,
    /^(bench\/)?cuda\//,
    'only cuda/ and its bench include CUDA headers',
  ],
  [
    /^(?!cpuid\.h)([a-z]*intrin\.h|arm_neon\.h)$/,
    /\/(avx2|avx512|neon)\.(cpp|h)$/,
    'intrinsics live in files of their instruction set',
  ],
  [
    /^(nlohmann\/|benchmark\/|doctest)/,
    /^(bench|test\/native)\//,
    'the package needs the standard library alone',
  ],
]

interface Include {
  readonly quoted: boolean
  readonly header: string
}

function includes(text: string): Include[] {
  return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)/gm)].map(
    ([, quoted, angled]) =>
      quoted === undefined ? { quoted: false, header: angled! } : { quoted: true, header: quoted },
  )
}

function includeViolations(file: string, text: string): string[] {
  const may = arrows.find(([folder]) => file.startsWith(`${folder}/`))?.[1]
  if (!may) return [`${file}: in no folder that the architecture knows`]
  return includes(text).flatMap(({ quoted, header }) => {
    const found: string[] = []
    if (quoted && !may.test(header)) found.push(`${file} includes "${header}"`)
    if (quoted && file.startsWith('cuda/client/') && !clientMay.test(header))
      found.push(`${file} includes "${header}", which is of the library`)
    if (quoted && !existsSync(join(root, header)))
      found.push(`${file} includes "${header}", which does not exist`)
    if (!quoted && arrows.some(([folder]) => header.startsWith(`${folder}/`)))
      found.push(`${file} includes <${header}>; own headers are quoted`)
    const isClient = file.startsWith('cuda/client/')
    for (const [pattern, owner, why] of reserved)
      if (pattern.test(header) && (!owner.test(file) || (isClient && !quoted)))
        found.push(`${file} includes ${header}: ${why}`)
    return found
  })
}

/** cuda/client/ is part of the addon: the interface and the engine are all it may see. */
const clientMay = /^(cuda\/(client\/[a-z_]+|api|threads)\.h|engine\/)/

test('native code: every include follows the arrows', () => {
  const looked = arrows.flatMap(([folder]) => files(folder, SOURCE))
  judge(
    'includes',
    looked,
    looked.flatMap((file) => includeViolations(file, read(file))),
  )
  for (const folder of ['engine', 'cpu', 'cuda', 'binding', 'bench', 'test/native'])
    assert.ok(files(folder, SOURCE).length > 0, `${folder}: no file was found`)
})

test('native code: a wrong include is found', () => {
  const wrong = (file: string, line: string): number => includeViolations(file, `// a\n${line}\n`).length
  assert.is(wrong('engine/a.cpp', '#include "engine/error.h"'), 0)
  assert.is(wrong('engine/a.cpp', '#include <vector>'), 0)
  assert.is(wrong('engine/a.cpp', '#include "cpu/backend.h"'), 1)
  assert.is(wrong('engine/a.cpp', '  #  include "binding/errors.h"'), 1)
  assert.is(wrong('engine/a.cpp', '#include "engine/no_such_file.h"'), 1)
  assert.is(wrong('engine/a.cpp', '#include <cpu/backend.h>'), 1)
  assert.is(wrong('cpu/add/a.cpp', '#include <napi.h>'), 1)
  assert.is(wrong('cpu/add/a.cpp', '#include <cuda_runtime.h>'), 1)
  assert.is(wrong('cpu/add/a.cpp', '#include <immintrin.h>'), 1)
  assert.is(wrong('cpu/add/avx2.cpp', '#include <immintrin.h>'), 0)
  assert.is(wrong('cpu/isa.cpp', '#include <cpuid.h>'), 0)
  assert.is(wrong('cpu/a.cpp', '#include <nlohmann/json.hpp>'), 1)
  assert.is(wrong('binding/a.cpp', '#include "cpu/program.h"'), 1)
  assert.is(wrong('bench/a.cpp', '#include "binding/session.h"'), 1)
  assert.is(wrong('cuda/a.cpp', '#include <cuda_runtime.h>'), 0)
  assert.is(wrong('cuda/client/a.cpp', '#include "cuda/api.h"'), 0)
  assert.is(wrong('cuda/client/a.cpp', '#include <cuda_runtime.h>'), 1)
  assert.is(wrong('cuda/client/a.cpp', '#include "cuda/backend.h"'), 1)
  assert.is(wrong('binding/a.cpp', '#include "cuda/backend.h"'), 1)
  assert.is(wrong('elsewhere/a.cpp', ''), 1)
})

/** What files of a newer instruction set may reach, directly or through each other. */
const NEWER = /\/(avx2|avx512|neon)\.cpp$/
const reachable =
  /^cpu\/(isa\.h|[a-z0-9_]+\/(kernel|rule|simd|tile|sparse_tile|expand|points|product|tiles|whole_tiles|transform)\.h|fetch_ahead\.h|simd\/[a-z0-9_]+\.h)$|^engine\/rules\/[a-z0-9_]+\.h$|^bench\/(peak\/peak|ladder\/(step|direct))\.h$/
/** Of the standard library: what declares names; <span> and <string> come with cpu/isa.h, which only declares. */
const plain = /^(cstddef|cstdint|cmath|cstring|immintrin\.h|arm_neon\.h|span|string)$/

function reached(file: string, text: string): Map<string, string> {
  const from = new Map<string, string>()
  const walk = (name: string, content: string): void => {
    for (const { quoted, header } of includes(content)) {
      if (from.has(header)) continue
      from.set(header, name)
      if (quoted && existsSync(join(root, header))) walk(header, read(header))
    }
  }
  walk(file, text)
  return from
}

const newerViolations = (file: string, text: string): string[] =>
  [...reached(file, text)]
    .filter(([header]) => !reachable.test(header) && !plain.test(header))
    .map(([header, from]) => `${file} reaches ${header} through ${from}`)

test('files of a newer instruction set reach only headers that cannot lend their code to others', () => {
  const looked = ['cpu', 'bench'].flatMap((folder) => files(folder, NEWER))
  judge(
    'newer instruction sets',
    looked,
    looked.flatMap((file) => newerViolations(file, read(file))),
  )
  assert.ok(newerViolations('cpu/add/avx2.cpp', '#include "engine/error.h"\n').length > 0)
  assert.ok(newerViolations('cpu/add/avx2.cpp', '#include "cpu/op.h"\n').length > 1)
  assert.ok(newerViolations('cpu/add/avx2.cpp', '#include <algorithm>\n').length > 0)
})

// --- TypeScript ---

interface Import {
  readonly name: string
  /** Erased by the compiler. */
  readonly typeOnly: boolean
}

/** Static and dynamic imports, re-exports and require calls; `NAME()` for calls that make a loader. */
function imports(file: string, text: string): Import[] {
  const found: Import[] = []
  const literal = (node: ts.Node | undefined, typeOnly = false): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ name: node.text, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const { importClause: clause } = node
      const named = clause?.namedBindings
      const everyNameIsType =
        !clause?.name &&
        !!named &&
        ts.isNamedImports(named) &&
        named.elements.every((name) => name.isTypeOnly)
      literal(node.moduleSpecifier, clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || everyNameIsType)
    } else if (ts.isExportDeclaration(node)) {
      literal(node.moduleSpecifier, node.isTypeOnly)
    } else if (ts.isCallExpression(node)) {
      const { expression, arguments: given } = node
      const name = expression.getText()
      if (expression.kind === ts.SyntaxKind.ImportKeyword || name === 'require') literal(given[0])
      if (/^(createRequire|process\.dlopen)$/.test(name)) found.push({ name: `${name}()`, typeOnly: false })
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))
  return found
}

const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
/** Packages that may be missing where the library runs, and the one file that loads each when it is needed. */
const optional: Readonly<Record<string, string>> = { sharp: 'lib/data/decode.ts' }
const LOADER = 'lib/native.ts'
/** What finds its file. */
const FINDER = 'lib/binary/'
/** Who calls the native side, besides its types: sessions, random numbers, network building, and the report on it. */
const callers = [
  'lib/session.ts',
  'lib/call-queue.ts',
  'lib/random.ts',
  'lib/networks/network.ts',
  'lib/cli/doctor.ts',
]

function importViolations(file: string, text: string): string[] {
  return imports(file, text).flatMap(({ name, typeOnly }) => {
    const wrong = (why: string): string[] => [`${file}: ${name}: ${why}`]
    if (/^(node-gyp-build|bindings|createRequire\(\)|process\.dlopen\(\))$|\.node$/.test(name))
      return file.startsWith(FINDER) ? [] : wrong(`only ${FINDER}, for ${LOADER}, loads the addon`)
    if (name.startsWith('.')) {
      const target = posix.join(posix.dirname(file), name)
      if (!target.startsWith('lib/')) return wrong('lib/ imports nothing outside itself')
      if (!existsSync(join(root, target))) return wrong('no such file')
      if (target.startsWith(FINDER) && !typeOnly && file !== LOADER && !file.startsWith(FINDER))
        return wrong(`${FINDER} is called by ${LOADER} alone`)
      if (target === LOADER && !typeOnly && !callers.includes(file))
        return wrong(`the native side is called by ${callers.join(', ')} alone`)
      if (target.startsWith('lib/cli/') && !file.startsWith('lib/cli/'))
        return wrong('the library does not depend on its command line')
      return []
    }
    if (name.startsWith('node:')) return []
    const parts = name.split('/')
    const bare = name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
    if (optional[bare] === file) return []
    return Object.hasOwn(dependencies, bare) ? [] : wrong('not among the dependencies of package.json')
  })
}

test('lib: imports stay inside, and only lib/native.ts loads the addon', () => {
  const looked = files('lib', /\.ts$/)
  judge(
    'imports',
    looked,
    looked.flatMap((file) => importViolations(file, read(file))),
  )
  assert.ok(looked.some((file) => imports(file, read(file)).some(({ name }) => name === 'node-gyp-build')))
})

test('lib: a wrong import is found', () => {
  const wrong = (file: string, text: string): number => importViolations(file, text).length
  assert.is(wrong('lib/a.ts', "import { DeepZeroError } from './errors.ts'"), 0)
  assert.is(wrong('lib/a.ts', "import { x } from '../test/run.ts'"), 1)
  assert.is(wrong('lib/a.ts', "import {\n  x,\n} from './no-such-file.ts'"), 1)
  assert.is(wrong('lib/a.ts', "import { native } from './native.ts'"), 1)
  assert.is(wrong('lib/a.ts', "import { type Native, native } from './native.ts'"), 1)
  assert.is(wrong('lib/a.ts', "import { type Native } from './native.ts'"), 0)
  assert.is(wrong('lib/a.ts', "import type { Native } from './native.ts'"), 0)
  assert.is(wrong('lib/a.ts', "export { native } from './native.ts'"), 1)
  assert.is(wrong('lib/a.ts', "import { loadBinary } from './binary/load.ts'"), 1)
  assert.is(wrong('lib/native.ts', "import { loadBinary } from './binary/load.ts'"), 0)
  assert.is(wrong('lib/a.ts', "const x = await import('node-gyp-build')"), 1)
  assert.is(
    wrong('lib/a.ts', "import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)"),
    1,
  )
  assert.is(wrong('lib/a.ts', "const x = require('../build/Release/deepzero_native.node')"), 1)
  assert.is(wrong('lib/a.ts', "import { test } from 'uvu'"), 1)
  assert.is(wrong('lib/a.ts', "const sharp = await import('sharp')"), 1)
  assert.is(wrong('lib/a.ts', "import './cli/exit.ts'"), 1)
  assert.is(wrong('lib/cli/a.ts', "import './exit.ts'"), 0)
  assert.is(wrong('lib/a.ts', "// import { test } from 'uvu'\nconst s = \"from 'uvu'\""), 0)
})

test.run()
