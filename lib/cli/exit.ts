/**
 * How a command ends: 0 done, 1 a check failed, 2 a user's mistake, 3 the machine's fault, 130 interrupted, 129 by a
 * closed terminal. A mistake is one line without a stack; DEEPZERO_DEBUG=1 shows the stack.
 */

import { DeepZeroError, type ErrorCode } from '../errors.ts'
import { red } from './colours.ts'

export const Exit = {
  done: 0,
  checkFailed: 1,
  mistake: 2,
  machine: 3,
  hungUp: 129,
  interrupted: 130,
} as const

const exitCodes: Readonly<Record<ErrorCode, number>> = {
  ERR_INVALID_ARGUMENT: Exit.mistake,
  ERR_NETWORK: Exit.mistake,
  ERR_SHAPE: Exit.mistake,
  ERR_NOT_FINITE: Exit.mistake,
  ERR_ABORTED: Exit.interrupted,
  ERR_DISPOSED: Exit.machine,
  ERR_BUSY: Exit.machine,
  ERR_DEVICE: Exit.machine,
  ERR_OUT_OF_MEMORY: Exit.machine,
  ERR_INTERNAL: Exit.machine,
  ERR_UNKNOWN_OPTION: Exit.mistake,
  ERR_NATIVE_LOAD: Exit.machine,
  ERR_DATA: Exit.mistake,
  ERR_MODEL: Exit.mistake,
  ERR_RUN: Exit.mistake,
  ERR_REFERENCE: Exit.mistake,
  ERR_FILE: Exit.machine,
  ERR_DOWNLOAD: Exit.machine,
  ERR_DIVERGED: Exit.checkFailed,
}

/** System errors that are a wrong path, when a file was to be read. */
const wrongPath = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'])

/** The exit code for an error that ends a command. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof DeepZeroError)) return Exit.machine
  if (error.code === 'ERR_FILE' && !/cannot be (written|created|renamed)/.test(error.message)) {
    const errno = (error.cause as NodeJS.ErrnoException | undefined)?.code
    if (errno === undefined || wrongPath.has(errno)) return Exit.mistake
  }
  return exitCodes[error.code]
}

/** What a person sees of an error: one line, and the stack when it is a fault of ours or asked for. */
export function explain(error: unknown, debug: boolean = process.env.DEEPZERO_DEBUG === '1'): string {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const ours = error instanceof DeepZeroError && error.code !== 'ERR_INTERNAL'
  const lines = [`${red('deepzero:')} ${message}`]
  if (debug && stack) lines.push(stack)
  if (!ours && !debug)
    lines.push('this is a fault of deepzero-native; DEEPZERO_DEBUG=1 shows where it happened')
  return lines.join('\n')
}
