// npm's install script: done when a binary already loads (a prebuilt one), else a build from source with cmake-js; in
// a git checkout always a build, as what is there may be older than the sources. It downloads nothing. The package
// also works where npm runs no install scripts, as the loader finds prebuilt binaries by itself.
const { existsSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

const root = path.join(__dirname, '..')

function loads() {
  try {
    require('node-gyp-build')(root)
    return true
  } catch (error) {
    console.error(
      `deepzero: no binary that loads here (${error.message.split('\n')[0]}); building from source`,
    )
    return false
  }
}

function build() {
  let cmakeJs
  try {
    cmakeJs = require.resolve('cmake-js/bin/cmake-js', { paths: [root] })
  } catch {
    console.error(
      'deepzero: cannot build from source: cmake-js is missing, as optional dependencies were left out. ' +
        'Install again without --omit=optional.',
    )
    return 1
  }
  const built = spawnSync(process.execPath, [cmakeJs, 'compile', '--parallel', '2'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (built.status !== 0) {
    console.error(
      'deepzero: the build from source failed. It needs CMake 3.25 or newer and a C++20 compiler.',
    )
  }
  return built.status ?? 1
}

const fromSource = process.env.npm_config_build_from_source === 'true' || existsSync(path.join(root, '.git'))
process.exit(!fromSource && loads() ? 0 : build())
