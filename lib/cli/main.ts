#!/usr/bin/env node
/** `deepzero`: hands the arguments to `program.ts` and leaves with its exit code. */
import { runProgram } from './program.ts'

process.exitCode = await runProgram(process.argv.slice(2))
