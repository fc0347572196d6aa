/**
 * The one error class of the package. `code` is stable and meant for programs; the message says what was expected,
 * what came and what to do, and is meant for people. `docs/errors.md` lists the codes.
 */

/** Every code, with its meaning. The first group also comes from the native side (`engine/error.h`). */
export const errorCodes = {
  ERR_INVALID_ARGUMENT: 'an argument or option has a wrong type or value',
  ERR_NETWORK: 'a network description is wrong: unknown op, input or attribute, duplicate name',
  ERR_SHAPE: 'shapes do not fit: of two ops, or of data and network',
  ERR_NOT_FINITE: 'NaN or infinity in weights, in data, or in the loss of one call',
  ERR_ABORTED: 'stopped by an AbortSignal',
  ERR_DISPOSED: 'the session is disposed',
  ERR_DEVICE: 'the device asked for cannot be used here',
  ERR_OUT_OF_MEMORY: 'the machine has not enough memory',
  ERR_INTERNAL: 'a fault of this package',
  ERR_UNKNOWN_OPTION: 'an option that does not exist',
  ERR_NATIVE_LOAD: 'the native addon cannot be loaded',
  ERR_DATA: 'a data file is missing, truncated or malformed',
  ERR_MODEL: 'a weights file is malformed or belongs to another network',
  ERR_RUN: 'a run directory cannot be used or resumed',
  ERR_REFERENCE: 'a gradcheck reference is missing or malformed',
  ERR_FILE: 'a file cannot be read or written',
  ERR_DIVERGED: 'training stopped because the loss became NaN or infinite',
} as const

export type ErrorCode = keyof typeof errorCodes

export class DeepZeroError extends Error {
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

/**
 * A native error as a `DeepZeroError`: the native code and message on `at`, an error made where the caller made the
 * call, so that its stack leads to the caller's line. Anything unknown becomes ERR_INTERNAL with the original as cause.
 */
export function fromNative(error: unknown, at?: DeepZeroError): DeepZeroError {
  if (error instanceof DeepZeroError) return error
  const { code, message } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { code: null, message: String(error) }
  const known = isErrorCode(code) ? code : 'ERR_INTERNAL'
  const made = new DeepZeroError(known, message, known === 'ERR_INTERNAL' ? { cause: error } : undefined)
  if (at?.stack) made.stack = at.stack.replace(/^.*$/m, () => `${made.name}: ${message}`)
  return made
}
