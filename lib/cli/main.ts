#!/usr/bin/env node
/** `deepzero`: hands the arguments to `program.ts` and leaves with its exit code. */
import { runProgram } from './program.ts'

// A reader that leaves early (`deepzero … | head`) ends the program without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
  throw error
})

process.exitCode = await runProgram(process.argv.slice(2))
