/** Finding the binary: what is seen in a file, what a crash or the loader's words become, and what is tried next. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diagnose } from '../lib/binary/diagnose.ts'
import { readElf } from '../lib/binary/elf.ts'
import { inspect } from '../lib/binary/inspect.ts'
import { loadBinary } from '../lib/binary/load.ts'
import { type Machine, thisMachine } from '../lib/binary/machine.ts'
import { probe } from '../lib/binary/probe.ts'
import { compareVersions } from '../lib/compare-versions.ts'
import { nativePath } from './fixtures/native-path.ts'
import { skip } from './fixtures/skip.ts'
import { crashing } from './packaging/damage.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const machine = thisMachine(root)
const addon = readFileSync(nativePath())
const elf = readElf(addon)
const linux = process.platform === 'linux'
const work = mkdtempSync(join(tmpdir(), 'deepzero-binary-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

/** A package's folder with nothing but a name, as the loader sees it; `files` by path. */
function packageWith(files: Record<string, Buffer>, changed: object = {}): string {
  const folder = mkdtempSync(join(work, 'package-'))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'deepzero-native', engines: { node: '>=20.19' }, ...changed }),
  )
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const target = `${process.platform}-${process.arch}`
const prebuilt = `prebuilds/${target}/deepzero-native.node`
const built = 'build/Release/deepzero_native.node'

test('an ELF file tells its machine, length and needed versions, as objdump does', () => {
  if (!elf) return skip('binaries are ELF files on Linux alone')
  assert.is(elf?.architecture, process.arch)
  assert.ok(elf.bytes > 0 && elf.bytes <= addon.length, `${elf.bytes}`)
  const { stdout, error } = spawnSync('objdump', ['-T', nativePath()], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (error) return skip('objdump is not installed', 'g++')
  const newest: Record<string, string> = {}
  for (const [, family, version] of stdout.matchAll(/\(([A-Z]+)_([\d.]+)\)/g))
    if (compareVersions(version!, newest[family!] ?? '0') > 0) newest[family!] = version!
  assert.ok(Object.keys(newest).length >= 2, stdout)
  assert.equal(elf.needs, newest)
})

test('no ELF file, and damaged ones at any byte, are told without an exception', () => {
  assert.is(readElf(Buffer.from('not a binary')), undefined)
  assert.is(readElf(Buffer.alloc(0)), undefined)
  if (!elf) return
  // Offsets that lead out of the file.
  for (let at = 16; at < 64; at++) {
    const file = Buffer.from(addon)
    file[at]! ^= 0xff
    readElf(file)
  }
  const table = Number(addon.readBigUInt64LE(40))
  for (let at = table; at < addon.length; at += 3) {
    const file = Buffer.from(addon)
    file[at]! ^= 0x7f
    readElf(file)
  }
})

test('inspection rules out what is missing, unreadable, damaged or for another machine', () => {
  const folder = packageWith({
    'whole.node': addon,
    'half.node': addon.subarray(0, addon.length / 2),
    'text.node': Buffer.from('x'),
  })
  const look = (name: string, origin: 'prebuilt' | 'built' = 'built') =>
    inspect({ path: join(folder, name), origin }, machine)
  assert.equal(look('whole.node').fault, undefined)
  assert.match(look('none.node').fault!.reason, /ENOENT/)
  assert.match(look('none.node').fault!.remedy, /build it here/)
  assert.match(look('none.node', 'prebuilt').fault!.remedy, /install the package again/)
  if (process.getuid?.() !== 0) {
    chmodSync(join(folder, 'text.node'), 0)
    assert.match(look('text.node').fault!.reason, /EACCES/)
    chmodSync(join(folder, 'text.node'), 0o600)
  }
  if (!linux) return
  assert.match(look('half.node').fault!.reason, /damaged: \d+ bytes of at least \d+/)
  assert.match(look('text.node').fault!.reason, /damaged: not a 64-bit ELF file/)
  const other = Buffer.from(addon)
  other.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
  writeFileSync(join(folder, 'other.node'), other)
  assert.match(look('other.node').fault!.reason, /for (arm64|x64), and this Node.js is/)
})

test('a prebuilt binary is beyond doubt when it is as recorded, a local one when it is whole', () => {
  const sum = createHash('sha256').update(addon).digest('hex')
  const record = Buffer.from(JSON.stringify({ [`${target}/deepzero-native.node`]: sum }))
  const doubtful = (folder: string, path: string, origin: 'prebuilt' | 'built'): boolean =>
    inspect({ path: join(folder, path), origin }, machine).doubtful
  assert.is(
    doubtful(packageWith({ [prebuilt]: addon, 'prebuilds/sha256.json': record }), prebuilt, 'prebuilt'),
    false,
  )
  assert.is(doubtful(packageWith({ [prebuilt]: addon }), prebuilt, 'prebuilt'), true)
  const changed = Buffer.concat([addon, Buffer.from('x')])
  assert.is(
    doubtful(packageWith({ [prebuilt]: changed, 'prebuilds/sha256.json': record }), prebuilt, 'prebuilt'),
    true,
  )
  assert.is(
    doubtful(
      packageWith({ [prebuilt]: addon, 'prebuilds/sha256.json': Buffer.from('{') }),
      prebuilt,
      'prebuilt',
    ),
    true,
  )
  assert.is(doubtful(packageWith({ [built]: addon }), built, 'built'), false)
})

test('a probe tells a binary that works from one that crashes, and from one that is no addon', () => {
  assert.is(probe(nativePath(), machine), undefined)
  if (!linux) return skip('the crashing binary is an ELF file')
  const folder = packageWith({ 'crash.node': crashing(addon) })
  assert.is(inspect({ path: join(folder, 'crash.node'), origin: 'prebuilt' }, machine).fault, undefined)
  assert.match(probe(join(folder, 'crash.node'), machine)!.reason, /\(SIG[A-Z]+\)/)
  assert.match(probe(join(folder, 'package.json'), machine)!.reason, /damaged/)
})

test('the first candidate that works is loaded; those before it have a reason and a remedy', () => {
  const good = loadBinary(packageWith({ [built]: addon, [prebuilt]: crashing(addon) }))
  assert.is(good.origin, 'built')
  assert.equal(good.rejected, [])

  const folder = packageWith({ [built]: addon.subarray(0, 5000), [prebuilt]: addon })
  const second = loadBinary(folder)
  assert.is(second.path, join(folder, prebuilt))
  assert.is(second.origin, 'prebuilt')
  assert.ok(second.addon && 'Session' in second.addon)
  assert.is(second.rejected.length, 1)
  assert.is(second.rejected[0]!.path, join(folder, built))
  assert.match(second.rejected[0]!.reason, linux ? /damaged/ : /./)

  const none = loadBinary(packageWith({ [built]: Buffer.from('x'), [prebuilt]: crashing(addon) }))
  assert.is(none.addon, undefined)
  assert.is(none.rejected.length, 2)
  for (const { reason, remedy } of none.rejected) assert.ok(reason !== '' && remedy !== '')
})

test('nothing that fits: what there is for others, and what this is', () => {
  const only = (folder: string): string => {
    const { addon: loaded, rejected } = loadBinary(folder)
    assert.is(loaded, undefined)
    assert.is(rejected.length, 1)
    return `${rejected[0]!.reason}; ${rejected[0]!.remedy}`
  }
  assert.match(only(packageWith({})), /there is no prebuilt binary; this is .*build it here/)
  const others = {
    'prebuilds/aix-ppc64/deepzero-native.node': addon,
    'prebuilds/sunos-x64/deepzero-native.musl.node': addon,
  }
  assert.match(only(packageWith(others)), /are for aix-ppc64, sunos-x64 \(musl\); this is /)
  if (linux && machine.libc === 'glibc')
    assert.match(
      only(packageWith({ [prebuilt.replace('.node', '.musl.node')]: addon })),
      new RegExp(`are for ${target} \\(musl\\); this is ${target} \\(glibc [\\d.]+\\)`),
    )
  assert.match(
    only(packageWith({ [built]: addon }, { engines: { node: '>=99.1' } })),
    /Node.js [\d.]+ is too old; use Node.js 99.1/,
  )
  assert.throws(() => loadBinary(packageWith({ [built]: addon }, { name: 'app' })), /bundle.*external/)
})

test('a binary of another version of the package is not used', () => {
  const folder = packageWith({ [built]: addon })
  const { addon: loaded, rejected } = loadBinary(folder, { expected: ['Session', 'later'] })
  assert.is(loaded, undefined)
  assert.match(rejected[0]!.reason, /of another version of the package: it has no later$/)
})

test('what the dynamic loader says becomes a reason and a remedy', () => {
  const glibc: Machine = {
    ...machine,
    platform: 'linux',
    libc: 'glibc',
    glibc: '2.28',
    libraryPath: ['/opt/conda/lib/'],
  }
  const musl: Machine = { ...glibc, libc: 'musl', glibc: '', libraryPath: [] }
  const cases: readonly [string, Machine, RegExp][] = [
    [
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found (required by a.node)",
      glibc,
      /needs glibc 2.32 or newer, and this system has 2.28; build it here/,
    ],
    [
      "/opt/conda/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by a.node)",
      glibc,
      /LD_LIBRARY_PATH gives \/opt\/conda\/lib\/libstdc.*take \/opt\/conda\/lib\/ out of LD_LIBRARY_PATH/,
    ],
    [
      "/lib64/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by a.node)",
      glibc,
      /needs GLIBCXX_3.4.30, which \/lib64\/libstdc\+\+.so.6 lacks: an older libstdc\+\+; build/,
    ],
    [
      'libstdc++.so.6: cannot open shared object file: No such file or directory',
      glibc,
      /libstdc\+\+.so.6 is missing; install the C\+\+ runtime/,
    ],
    [
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by a.node)',
      musl,
      /for glibc, and this system has musl .*; build/,
    ],
    [
      'Error relocating a.node: __memcpy_chk: symbol not found',
      musl,
      /this system has musl \(it lacks __memcpy_chk\)/,
    ],
    [
      'a.node: undefined symbol: node_api_symbol_for',
      glibc,
      /Node.js [\d.]+ has no node_api_symbol_for; use Node.js 20.19/,
    ],
    [
      'a.node: undefined symbol: _ZSt4cout',
      glibc,
      /lacks the symbol _ZSt4cout; start Node.js without LD_LIBRARY_PATH/,
    ],
    [
      'a.node: wrong ELF class: ELFCLASS32',
      glibc,
      /damaged, or for another machine .*; install the package again/,
    ],
    [
      'a.node: failed to map segment from shared object: Operation not permitted',
      glibc,
      /noexec.*without noexec/,
    ],
    ['Cannot load native addon because loading addons is disabled.', glibc, /--no-addons/],
    ["Module did not self-register: '/a.node'.", glibc, /not an addon/],
    ['something new\nwith a second line', glibc, /^something new; build it here/],
  ]
  for (const [message, where, expected] of cases) {
    const { reason, remedy } = diagnose(message, where)
    assert.match(`${reason}; ${remedy}`, expected)
  }
})

test('versions are compared as numbers', () => {
  assert.ok(compareVersions('2.4', '2.32') < 0)
  assert.ok(compareVersions('20.19', '20.9.1') > 0)
  assert.is(compareVersions('20.19', '20.19.0'), 0)
})

test('doctor without a binary that loads: reasons and remedies, exit code 3, as a table and as JSON', () => {
  const folder = packageWith({ [built]: Buffer.from('x') })
  const doctor = (...flags: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', 'doctor', ...flags], {
      cwd: root,
      encoding: 'utf8',
      // Neither a local build nor a prebuilt binary is found there.
      env: { ...process.env, DEEPZERO_NATIVE_PREBUILD: folder, PREBUILDS_ONLY: '1' },
    })
  const table = doctor()
  assert.is(table.status, 3, table.stderr)
  assert.match(table.stdout, /native binary +none\n/)
  assert.match(table.stdout, /not used +\S.*\n +build it here/)
  const json = doctor('--json')
  assert.is(json.status, 3)
  const facts = JSON.parse(json.stdout)
  assert.is(facts.binary, null)
  assert.is(facts.rejected.length, 1)
  assert.ok(facts.rejected[0].reason && facts.rejected[0].remedy)
})

test.run()
