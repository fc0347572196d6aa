/** Option tables as flags of commander: `batchSize` becomes `--batch-size`, checked by the table's own rules. */
import { type Command, Option } from 'commander'
import { list, refusal } from '../check.ts'
import { type OptionSpec, type OptionTable, resolveOptions } from '../training/options.ts'

/** `--batch-size` for `batchSize`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`

const placeholders = { integer: 'N', number: 'X', integers: 'N,N…' } as const

function shownDefault({ type, default: value, description }: OptionSpec): string {
  if (
    value === null ||
    type === 'boolean' ||
    /\b0 for\b/.test(description) ||
    (Array.isArray(value) && value.length === 0)
  )
    return ''
  return ` (default ${value})`
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

/** Adds the table's options to a command. None has a default there: what is absent was not given. */
export function addFlags(command: Command, table: OptionTable): Command {
  for (const [name, spec] of Object.entries(table)) {
    const flag = flagOf(name)
    const description = `${spec.description}${shownDefault(spec)}`
    if (spec.type === 'boolean') {
      command.addOption(new Option(flag, description).hideHelp(spec.default))
      command.addOption(
        new Option(`--no-${flag.slice(2)}`, `Switch off: ${description}`).hideHelp(!spec.default),
      )
      continue
    }
    const value =
      spec.type === 'choice'
        ? spec.choices.join('|')
        : spec.type === 'text' || spec.type === 'file'
          ? spec.placeholder
          : [placeholders[spec.type], ...wordsOf(spec)].join('|')
    command.addOption(
      new Option(`${flag} <${value}>`, description).argParser((text) => {
        const parsed = parse(spec, flag, text)
        resolveOptions({ [name]: spec }, { [name]: parsed }, flag, () => flag)
        return parsed
      }),
    )
  }
  return command
}
