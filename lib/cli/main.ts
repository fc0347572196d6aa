#!/usr/bin/env node
/** `deepzero`: hands the arguments to `program.ts` and leaves with its exit code, unless Node.js is too old for it. */
import { compareVersions } from '../compare-versions.ts'
import { packageFile } from '../package-file.ts'

// A reader that leaves early (`deepzero … | head`) ends the program without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
  throw error
})

const { oldestNode } = packageFile()
if (compareVersions(process.versions.node, oldestNode) < 0) {
  process.stderr.write(
    `deepzero: expected Node.js ${oldestNode} or newer, received ${process.versions.node}; install a newer one\n`,
  )
  process.exitCode = 3
} else {
  // Not before: on an old Node.js the imports of the program may fail in other words.
  const { runProgram } = await import('./program.ts')
  process.exitCode = await runProgram(process.argv.slice(2))
}
