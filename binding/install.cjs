// npm's install script: done when a binary already works (a prebuilt one), else a build from source with cmake-js; in a
// git checkout always a build, as what is there may be older than the sources. It downloads nothing. The package also
// works where npm runs no install scripts, as the loader finds prebuilt binaries by itself.
const { existsSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const root = path.join(__dirname, '..')
const say = (text) => console.error(`deepzero: ${text}`)

/** The package's own loader decides, with a look from a child process first: a binary that crashes is one to replace. */
async function works() {
  const loader = path.join(root, 'dist/binary/load.js')
  if (!existsSync(loader)) return false
  const { explainRejected, loadBinary } = await import(pathToFileURL(loader).href)
  const { addon, path: file, rejected } = loadBinary(root, { alwaysProbe: true })
  if (rejected.length > 0) say(explainRejected(rejected))
  if (addon) say(`${file} works here`)
  return addon !== undefined
}

function build() {
  let cmakeJs
  try {
    cmakeJs = require.resolve('cmake-js/bin/cmake-js', { paths: [root] })
  } catch {
    say(
      'cannot build from source: cmake-js is missing, as optional dependencies were left out. ' +
        'Install again without --omit=optional.',
    )
    return 1
  }
  say(
    'building from source: one or two minutes of one core, about five where nvcc is found and compiles CUDA kernels ' +
      '(DEEPZERO_CUDA=OFF leaves them out)',
  )
  const cuda = process.env.DEEPZERO_CUDA
  const args = ['compile', '--parallel', '2', ...(cuda ? [`--CDDEEPZERO_CUDA=${cuda}`] : [])]
  const built = spawnSync(process.execPath, [cmakeJs, ...args], { cwd: root, stdio: 'inherit' })
  if (built.status !== 0) {
    say(
      `the build from source failed. It needs ${toolchain[process.platform] ?? 'CMake 3.25 or newer and a C++20 compiler'}.`,
    )
  }
  return built.status ?? 1
}

const toolchain = {
  linux:
    'CMake 3.25 or newer, make and a C++20 compiler (Debian, Ubuntu: apt-get install cmake g++ make; ' +
    'Alpine: apk add cmake g++ make; Fedora: dnf install cmake gcc-c++ make)',
  darwin:
    'CMake 3.25 or newer and the command line tools of Xcode 14 or newer (xcode-select --install; brew install cmake)',
  win32:
    'GCC or Clang, as the sources use their extensions: install it under WSL, where the Linux binary loads',
}

async function main() {
  const fromSource =
    process.env.npm_config_build_from_source === 'true' || existsSync(path.join(root, '.git'))
  return !fromSource && (await works()) ? 0 : build()
}

main().then(
  (code) => process.exit(code),
  (error) => {
    say(error.message)
    process.exit(1)
  },
)
