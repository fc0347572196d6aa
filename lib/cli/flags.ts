/** Option tables as flags of commander: `batchSize` becomes `--batch-size`, checked by the table's own rules. */
import { type Command, Option } from 'commander'
import { list, refusal } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { type OptionSpec, type OptionTable, resolveOptions } from '../training/options.ts'
import { groupOf, LEAST_GROUPED } from './option-groups.ts'

/** `--batch-size` for `batchSize`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`

/** An error whose message begins with the name of an option, as the library calls it, with the option's flag instead. */
export function withFlag(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof DeepZeroError) || error.code !== 'ERR_INVALID_ARGUMENT') return error
  const [start, name] = /^(?:options\.)?(\w+)(?=: )/.exec(error.message) ?? []
  if (start === undefined || !names.includes(name!)) return error
  error.message = `${flagOf(name!)}${error.message.slice(start.length)}`
  return error
}

const placeholders = { integer: 'N', number: 'X', integers: 'N,N…' } as const

/** What help says of an option: its sentence, the choices where it does not name all, the default unless the sentence tells what 0 means. */
function describe(spec: OptionSpec): string {
  const { type, default: value, description } = spec
  const named = (word: string): boolean => description.split(/[\s(),:;]+/).includes(word)
  const told =
    value === null ||
    type === 'boolean' ||
    (value === 0 && /\b0 for\b/.test(description)) ||
    (Array.isArray(value) && value.length === 0)
  const notes = [
    ...(type === 'choice' && !spec.choices.every((word) => named(word)) ? [list(spec.choices)] : []),
    ...(told ? [] : [`default ${value}`]),
  ]
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`
}

/** `SCHEDULE` for `muSchedule`. */
const lastWord = (name: string): string => name.match(/[A-Z]?[^A-Z]+$/)![0].toUpperCase()

function placeholder(name: string, spec: OptionSpec): string {
  switch (spec.type) {
    case 'choice':
      return spec.placeholder ?? lastWord(name)
    case 'text':
    case 'file':
      return spec.placeholder
    default:
      return [placeholders[spec.type as keyof typeof placeholders], ...wordsOf(spec)].join('|')
  }
}

const wordsOf = (spec: OptionSpec): readonly string[] => ('words' in spec && spec.words) || []

/** The value that a flag's text stands for; its range is checked by `resolveOptions`. */
function parse(spec: OptionSpec, flag: string, text: string): unknown {
  const words = wordsOf(spec)
  const number = (part: string): number => {
    const value = part.trim() === '' ? Number.NaN : Number(part)
    const kind = spec.type === 'number' ? 'a number' : 'an integer'
    if (Number.isNaN(value)) throw refusal(flag, list([kind, ...words.map((word) => `'${word}'`)]), part)
    return value
  }
  switch (spec.type) {
    case 'integer':
    case 'number':
      return words.includes(text) ? text : number(text)
    case 'integers':
      return text.split(',').map(number)
    default:
      return text
  }
}

/** The options of a boolean; help shows the one that changes something, whose sentence begins with a verb where it is on. */
function switches(flag: string, { default: on, description }: OptionSpec): readonly [Option, Option] {
  const not = `Do not ${description[0]!.toLowerCase()}${description.slice(1)}`
  return [
    new Option(flag, description).hideHelp(on === true),
    new Option(`--no-${flag.slice(2)}`, not).hideHelp(on !== true),
  ]
}

/** Adds the table's options to a command. None has a default there: what is absent was not given. */
export function addFlags(command: Command, table: OptionTable): Command {
  const grouped = Object.keys(table).length >= LEAST_GROUPED
  for (const [name, spec] of Object.entries(table)) {
    const flag = flagOf(name)
    const options =
      spec.type === 'boolean'
        ? switches(flag, spec)
        : [
            new Option(`${flag} <${placeholder(name, spec)}>`, describe(spec)).argParser((text) => {
              const parsed = parse(spec, flag, text)
              resolveOptions({ [name]: spec }, { [name]: parsed }, flag, () => flag)
              return parsed
            }),
          ]
    const group = grouped ? groupOf(name) : undefined
    for (const option of options) command.addOption(group === undefined ? option : option.helpGroup(group))
  }
  return command
}
