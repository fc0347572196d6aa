/**
 * Option tables: each option once, with type, default, bounds and the sentence that help and documentation show. Here
 * is what a table may say, how given values are checked against it, and how layers of values (a recorded run, a preset,
 * a file, flags) become one.
 */
import { type Bounds, list, type Rule, refusal, rule, show, unknownName } from '../check.ts'

interface Common {
  readonly description: string
  /** Whether the numbers of a run depend on it: such an option cannot change when the run is resumed. */
  readonly decides: boolean
  /** Other options, and their values with which anything reads this one. Always read without it. */
  readonly onlyWith?: Readonly<Record<string, readonly (string | number | boolean | null)[]>>
  /** Other options of which one must have another value than its default for anything to read this one. */
  readonly onlyBeside?: readonly string[]
}
interface NumberSpec extends Common, Bounds {
  readonly type: 'integer' | 'number'
  readonly default: number | null
  /** Values of a number option that are no numbers. */
  readonly words?: readonly string[]
}
interface BooleanSpec extends Common {
  readonly type: 'boolean'
  readonly default: boolean
}
interface TextSpec extends Common {
  readonly type: 'text'
  readonly default: string | null
  /** What the value is, as help shows it: DIR, FILE. */
  readonly placeholder: string
}
/** A file's path, or its content as an object. */
interface FileSpec extends Common {
  readonly type: 'file'
  readonly default: string | object | null
  readonly placeholder: string
}
interface ChoiceSpec<T extends string = string> extends Common {
  readonly type: 'choice'
  readonly default: T
  readonly choices: readonly T[]
  /** What the value is, as help shows it; the last word of the option's name unless given. */
  readonly placeholder?: string
}
interface IntegersSpec extends Common, Bounds {
  readonly type: 'integers'
  readonly default: readonly number[]
}
export type OptionSpec = NumberSpec | BooleanSpec | TextSpec | FileSpec | ChoiceSpec | IntegersSpec
export type OptionTable = Readonly<Record<string, OptionSpec>>

type Words<T> = T extends { readonly words: readonly (infer W)[] } ? W : never

/** The values that a table describes. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends ChoiceSpec<infer C>
    ? C
    : T[K] extends TextSpec
      ? T[K]['default'] extends string
        ? string
        : string | null
      : T[K] extends FileSpec
        ? T[K]['default']
        : T[K] extends BooleanSpec
          ? boolean
          : T[K] extends NumberSpec
            ? (T[K]['default'] extends number ? number : number | null) | Words<T[K]>
            : readonly number[]
}

/** Some of the values that a table describes; undefined counts as absent. */
export type Chosen<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Given values by name; undefined counts as absent. */
export type Given = Readonly<Record<string, unknown>>

function ruleOf(spec: OptionSpec): Rule {
  switch (spec.type) {
    case 'integer':
      return rule.integer(spec)
    case 'number':
      return spec.words ? rule.numberOr(spec.words, spec) : rule.number(spec)
    case 'boolean':
      return rule.boolean()
    case 'choice':
      return rule.oneOf(spec.choices)
    case 'text':
      return (name, value) => {
        if (value !== null) rule.string()(name, value)
      }
    case 'file':
      return (name, value) => {
        if (typeof value === 'object' && value !== null) rule.object()(name, value)
        else if (value !== null) rule.string()(name, value)
      }
    case 'integers':
      return rule.integers(spec)
  }
}

/**
 * Checks options against a table and fills in the defaults. Unknown names are refused with the nearest one.
 * @param label how a message names an option: `--batch-size` on the command line, `options.batchSize` elsewhere
 */
export function resolveOptions<T extends OptionTable>(
  table: T,
  given: Given,
  where = 'options',
  label: (name: string) => string = (name) => `${where}.${name}`,
): Values<T> {
  const resolved: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(table)) resolved[name] = spec.default
  for (const [name, value] of Object.entries(given)) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined
    if (!spec) throw unknownName(`${where}: unknown option`, name, Object.keys(table))
    if (value === undefined) continue
    ruleOf(spec)(label(name), value)
    resolved[name] = value
  }
  return resolved as Values<T>
}

/** The values that a table does not describe. */
export const omitOptions = <T extends object, O extends OptionTable>(table: O, values: T): Omit<T, keyof O> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !Object.hasOwn(table, name))) as Omit<
    T,
    keyof O
  >

const isDefault = (spec: OptionSpec, value: unknown): boolean =>
  JSON.stringify(value) === JSON.stringify(spec.default)

/** What must change for anything to read `spec`: options of the table, and in words what of them. */
interface Hindrance {
  readonly names: readonly string[]
  readonly words: (label: (name: string) => string) => string
}

function hindrances(
  table: OptionTable,
  spec: OptionSpec | undefined,
  value: (name: string) => unknown,
): Hindrance[] {
  const known = (name: string): boolean => Object.hasOwn(table, name)
  const others = Object.entries(spec?.onlyWith ?? {})
    .filter(([name, values]) => known(name) && !(values as readonly unknown[]).includes(value(name)))
    .map(([name, values]) => ({
      names: [name],
      // Where the other one is to be off, it is on.
      words: (label: (name: string) => string) =>
        values.every((value) => !value)
          ? `beside ${label(name)}`
          : `unless ${label(name)} is ${list(values.map(show))}`,
    }))
  const beside = (spec?.onlyBeside ?? []).filter(known)
  if (beside.length === 0 || !beside.every((name) => isDefault(table[name]!, value(name)))) return others
  return [...others, { names: beside, words: (label) => `unless ${list(beside.map(label))} is given` }]
}

/**
 * Refuses an option that has another value than its default and that nothing reads, given the others: somebody meant
 * something by it. A default does no harm, and a recorded configuration holds them all. Others that the table lacks (a
 * command need not have them all) do not count.
 */
export function refuseUnread(table: OptionTable, values: Given, label: (name: string) => string): void {
  for (const [name, spec] of Object.entries(table)) {
    if (isDefault(spec, values[name])) continue
    const [first] = hindrances(table, spec, (key) => values[key])
    if (first) throw refusal(label(name), `to be left out ${first.words(label)}`, values[name])
  }
}

/**
 * One set of given values out of several, later ones first. What only an earlier layer gave and nothing reads after a
 * later one (a preset's momentum, with `--optimizer adam`) is left out.
 */
export function mergeLayers(table: OptionTable, layers: readonly Given[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {}
  const layerOf = new Map<string, number>()
  layers.forEach((layer, i) => {
    for (const [name, value] of Object.entries(layer)) {
      if (value === undefined) continue
      merged[name] = value
      layerOf.set(name, i)
    }
  })
  const value = (name: string): unknown => (Object.hasOwn(merged, name) ? merged[name] : table[name]?.default)
  for (const [name, layer] of layerOf) {
    const later = (other: string): boolean => (layerOf.get(other) ?? -1) > layer
    if (hindrances(table, table[name], value).some(({ names }) => names.some(later))) delete merged[name]
  }
  return merged
}
