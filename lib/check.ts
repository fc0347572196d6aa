/**
 * The one validation helper: every refusal reads `NAME: expected EXPECTED, received RECEIVED`. Rules are functions of
 * a name and a value that throw; `checkOptions` applies them to an options object and refuses unknown names.
 */
import { distance } from 'fastest-levenshtein'
import { DeepZeroError, type ErrorCode } from './errors.ts'

/** A check of one value; throws a `DeepZeroError` that names it. */
export type Rule = (name: string, value: unknown) => void

export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** Exclusive bounds. */
  readonly above?: number
  readonly below?: number
}

/** A value as a message shows it: short, with its kind where the text alone would mislead. */
export function show(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 57)}…'` : `'${value}'`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (ArrayBuffer.isView(value)) {
    const length = 'length' in value ? ` of ${value.length}` : ''
    return `${article(value.constructor.name)}${length}`
  }
  const kind = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object'
  return kind === 'Object' ? 'an object' : article(kind)
}

const article = (noun: string): string => `${/^([AEIO]|Un)/i.test(noun) ? 'an' : 'a'} ${noun}`

/** The error of a refused value. */
export function refusal(
  name: string,
  expected: string,
  received: unknown,
  code: ErrorCode = 'ERR_INVALID_ARGUMENT',
): DeepZeroError {
  return new DeepZeroError(code, `${name}: expected ${expected}, received ${show(received)}`)
}

function within(value: number, { min, max, above, below }: Bounds): boolean {
  return (
    value >= (min ?? Number.NEGATIVE_INFINITY) &&
    value <= (max ?? Number.POSITIVE_INFINITY) &&
    value > (above ?? Number.NEGATIVE_INFINITY) &&
    value < (below ?? Number.POSITIVE_INFINITY)
  )
}

function boundsText({ min, max, above, below }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  const parts = []
  if (min !== undefined) parts.push(`at least ${min}`)
  if (above !== undefined) parts.push(`above ${above}`)
  if (max !== undefined) parts.push(`at most ${max}`)
  if (below !== undefined) parts.push(`below ${below}`)
  return parts.length > 0 ? ` ${parts.join(' and ')}` : ''
}

export function requireInteger(name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && within(value, bounds)) return value
  throw refusal(name, `an integer${boundsText(bounds)}`, value)
}

/** A finite number. */
export function requireNumber(name: string, value: unknown, bounds: Bounds = {}): number {
  if (typeof value === 'number' && Number.isFinite(value) && within(value, bounds)) return value
  throw refusal(name, `a finite number${boundsText(bounds)}`, value)
}

/** A finite number, or one of some words. */
export function requireNumberOr<T extends string>(
  name: string,
  value: unknown,
  words: readonly T[],
  bounds: Bounds = {},
): number | T {
  if (typeof value === 'string' && (words as readonly string[]).includes(value)) return value as T
  if (typeof value === 'number' && Number.isFinite(value) && within(value, bounds)) return value
  throw refusal(
    name,
    list([`a finite number${boundsText(bounds)}`, ...words.map((word) => `'${word}'`)]),
    value,
  )
}

export function requireString(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0) return value
  throw refusal(name, 'a string that is not empty', value)
}

export function requireBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw refusal(name, 'true or false', value)
}

export function requireOneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (typeof value === 'string' && (choices as readonly string[]).includes(value)) return value as T
  const near = typeof value === 'string' ? nearest(value, choices) : undefined
  const error = refusal(name, list(choices.map((choice) => `'${choice}'`)), value)
  if (near !== undefined) error.message += `; did you mean '${near}'?`
  throw error
}

/** Whether a value is an object and not null, an array or a function. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What `isObject` says yes to. */
export function requireObject(name: string, value: unknown): Record<string, unknown> {
  if (isObject(value)) return value
  throw refusal(name, 'an object', value)
}

export function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw refusal(name, 'a function', value)
}

/** An instance of a class, of a given length where one is given. */
export function requireInstance<T>(
  name: string,
  value: unknown,
  type: new (...args: never[]) => T,
  length?: number,
): T {
  if (value instanceof type && (length === undefined || (value as { length?: number }).length === length))
    return value
  throw refusal(name, `${article(type.name)}${length === undefined ? '' : ` of ${length}`}`, value)
}

/** Rules for `checkOptions`. */
export const rule = {
  any: (): void => {},
  integer:
    (bounds?: Bounds): Rule =>
    (name, value) =>
      void requireInteger(name, value, bounds),
  number:
    (bounds?: Bounds): Rule =>
    (name, value) =>
      void requireNumber(name, value, bounds),
  numberOr:
    (words: readonly string[], bounds?: Bounds): Rule =>
    (name, value) =>
      void requireNumberOr(name, value, words, bounds),
  integers:
    (bounds?: Bounds): Rule =>
    (name, value) => {
      if (!Array.isArray(value)) throw refusal(name, 'an array of integers', value)
      for (const item of value) requireInteger(name, item, bounds)
    },
  string: (): Rule => (name, value) => void requireString(name, value),
  boolean: (): Rule => (name, value) => void requireBoolean(name, value),
  oneOf:
    (choices: readonly string[]): Rule =>
    (name, value) =>
      void requireOneOf(name, value, choices),
  object: (): Rule => (name, value) => void requireObject(name, value),
  function: (): Rule => requireFunction,
  instance:
    (type: new (...args: never[]) => unknown): Rule =>
    (name, value) =>
      void requireInstance(name, value, type),
} as const

/**
 * Checks an options object against its shape: one rule per option. Unknown names are refused (ERR_UNKNOWN_OPTION) and
 * the nearest known one is offered; an option that is undefined counts as absent. `where` names the object in messages.
 */
export function checkOptions(
  options: unknown,
  shape: Readonly<Record<string, Rule>>,
  where = 'options',
): void {
  for (const [name, value] of Object.entries(requireObject(where, options))) {
    if (!Object.hasOwn(shape, name)) throw unknownName(`${where}: unknown option`, name, Object.keys(shape))
    if (value !== undefined) shape[name]?.(`${where}.${name}`, value)
  }
}

/** The error of an unknown name, with the nearest known one or else all of them. */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
  code: ErrorCode = 'ERR_UNKNOWN_OPTION',
): DeepZeroError {
  const near = nearest(name, known)
  const hint = near === undefined ? `expected ${list(known)}` : `did you mean '${near}'?`
  return new DeepZeroError(code, `${what} '${name}'; ${hint}`)
}

/** The candidate nearest to a name by edit distance, when it is near enough to be a slip: a third of the name, two swapped letters. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const fold = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, '')
  let best: string | undefined
  let least = (name.length > 3 ? Math.max(2, Math.floor(name.length / 3)) : 1) + 1
  for (const candidate of candidates) {
    const steps = distance(fold(name), fold(candidate))
    if (steps < least) {
      least = steps
      best = candidate
    }
  }
  return best
}

/** "a", "a or b", "a, b or c". */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? 'nothing'
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
