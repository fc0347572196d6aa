/**
 * The one error class of the package. `code` is stable and meant for programs; the message says what was expected,
 * what came and what to do, and is meant for people. `docs/errors.md` lists the codes.
 */

/** Every code, with its meaning. The first group also comes from the native side (`engine/error.h`). */
export const errorCodes = {
  ERR_INVALID_ARGUMENT: 'an argument or option has a wrong type or value',
  ERR_NETWORK: 'a network description is wrong: unknown op, input or attribute, duplicate name',
  ERR_SHAPE: 'shapes do not fit: of two ops, or of data and network',
  ERR_NOT_FINITE:
    'NaN or infinity in weights, a batch, a loss, an estimate, or what a function of yours returned',
  ERR_ABORTED: 'stopped by an AbortSignal',
  ERR_DISPOSED: 'the session is disposed',
  ERR_BUSY: 'the session is working on a call',
  ERR_DEVICE: 'the device asked for cannot be used here',
  ERR_OUT_OF_MEMORY: 'the machine has not enough memory',
  ERR_INTERNAL: 'a fault of this package',
  ERR_UNKNOWN_OPTION: 'an option that does not exist',
  ERR_NATIVE_LOAD: 'the native addon cannot be loaded',
  ERR_DATA: 'a data file is missing, truncated or malformed, or data holds NaN or infinity',
  ERR_MODEL: 'a file of weights, layer ratios or a mask is malformed or belongs to another network',
  ERR_RUN: 'a run directory cannot be used or resumed',
  ERR_REFERENCE: 'a gradcheck reference is missing or malformed',
  ERR_FILE: 'a file cannot be read or written',
  ERR_DOWNLOAD: 'a file could not be downloaded, or is not the one it should be',
  ERR_DIVERGED: 'training stopped because the loss became NaN or infinite',
} as const

/** One of the codes. */
export type ErrorCode = keyof typeof errorCodes

/** What everything in this package throws; `cause` is the error behind it, where there is one. */
export class DeepZeroError extends Error {
  /** Which kind of error it is: one of `errorCodes`. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'DeepZeroError'
    this.code = code
  }
}

/** Whether a string is one of the codes. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCodes, code)

/** A native error (an `Error` with one of our codes) as a `DeepZeroError`; anything else as it is. */
export function fromNative(error: unknown): unknown {
  if (error instanceof DeepZeroError || !(error instanceof Error)) return error
  const { code } = error as { code?: unknown }
  return isErrorCode(code) ? new DeepZeroError(code, error.message, { cause: error.cause }) : error
}

/** Gives an error of ours the stack of `at`, made where the user called: an asynchronous error leads to that line. */
export function withStackOf(error: unknown, at: Error): unknown {
  if (error instanceof DeepZeroError && at.stack) {
    const frames = at.stack.slice(at.stack.indexOf('\n    at '))
    error.stack = `${error.name}: ${error.message}${frames}`
  }
  return error
}
