#!/usr/bin/env node
/** `deepzero`: hands the arguments to `program.ts` and leaves with its exit code, unless Node.js is too old for it. */
import { compareVersions } from '../compare-versions.ts'
import { packageFile } from '../package-file.ts'

const { oldestNode } = packageFile()
if (compareVersions(process.versions.node, oldestNode) < 0) {
  process.stderr.write(
    `deepzero: expected Node.js ${oldestNode} or newer, received ${process.versions.node}; install a newer one\n`,
  )
  process.exitCode = 3
} else {
  // Not before: on an old Node.js the imports of the program may fail in other words.
  const { watchOutput } = await import('./output.ts')
  const { finalExitCode } = await import('./interrupt.ts')
  const { runProgram } = await import('./program.ts')
  watchOutput()
  process.exitCode = finalExitCode(await runProgram(process.argv.slice(2)))
}
