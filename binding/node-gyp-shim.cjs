#!/usr/bin/env node
// prebuildify runs this in place of node-gyp, which it knows how to call, to build with cmake-js:
// `rebuild --target=V --devdir=D --arch=A --release|--debug`. DEEPZERO_CUDA_ARCHITECTURES and DEEPZERO_CMAKE_TOOLCHAIN
// go to CMake.
const { spawnSync } = require('node:child_process')

const argv = process.argv.slice(2)
const value = (key) => argv.find((argument) => argument.startsWith(`--${key}=`))?.split('=')[1]

const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? '2'
const args = [require.resolve('cmake-js/bin/cmake-js'), 'rebuild', '--parallel', parallel]
if (argv.includes('--debug')) args.push('--debug')
if (value('arch')) args.push('--arch', value('arch'))
if (process.env.DEEPZERO_CUDA_ARCHITECTURES) {
  args.push(`--CDDEEPZERO_CUDA_ARCHITECTURES=${process.env.DEEPZERO_CUDA_ARCHITECTURES}`)
}
if (process.env.DEEPZERO_CMAKE_TOOLCHAIN) {
  args.push(`--CDCMAKE_TOOLCHAIN_FILE=${process.env.DEEPZERO_CMAKE_TOOLCHAIN}`)
}
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1)
