/** `deepzero data inspect`: what a data folder holds, and a contact sheet of it. */
import { contactSheet } from '../data/contact-sheet.ts'
import type { Splits } from '../data/dataset.ts'
import { type DataFacts, inspect, type SplitFacts } from '../data/inspect.ts'
import { detectFormat, formats } from '../data/open-data.ts'
import { pngFile } from '../data/png.ts'
import { DeepZeroError } from '../errors.ts'
import { prepareOutput, writeOutput } from '../output-file.ts'
import { count } from '../report/format.ts'
import { type OptionTable, omitOptions, type Values } from '../training/options.ts'
import { dataOptions } from '../training/source.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { jsonOption } from './json-option.ts'
import { openNamedData } from './open-data.ts'
import { makeProgress } from './progress.ts'

export const inspectTable = {
  ...omitOptions({ data: dataOptions.data }, dataOptions),
  sheet: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description: 'Write a contact sheet of the training images to this file (PNG): a row for each class',
  },
  perClass: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 100,
    decides: false,
    onlyBeside: ['sheet'],
    description: 'Images of each class on the contact sheet',
  },
  json: jsonOption,
} as const satisfies OptionTable

const MOST_CLASSES_SHOWN = 20
const numbers = (values: readonly number[]): string =>
  `[${values.map((value) => value.toFixed(4)).join(', ')}]`

function lines({ name, shape, classes, train, test, normalisation }: DataFacts, format: string): string[] {
  const split = (title: string, facts: SplitFacts): string =>
    `${title} ${count(facts.count).padStart(9)} images   mean ${numbers(facts.mean)}  deviation ${numbers(facts.std)}`
  const width = classes.reduce((most, text) => Math.max(most, text.length), 5)
  const rows = classes
    .slice(0, MOST_CLASSES_SHOWN)
    .map(
      (text, i) =>
        `  ${text.padEnd(width)} ${count(train.perClass[i]!).padStart(9)} ${count(test.perClass[i]!).padStart(9)}`,
    )
  const more = classes.length - rows.length
  const sizes = train.perClass.toSorted((a, b) => a - b)
  return [
    `${bold(name)}: ${format}; ${shape.join('×')} (channels, height, width), ${classes.length} classes`,
    split('train', train),
    split('test ', test),
    `batches are normalised with mean ${numbers(normalisation.mean)} and deviation ${numbers(normalisation.std)}`,
    `  ${'class'.padEnd(width)} ${'train'.padStart(9)} ${'test'.padStart(9)}`,
    ...rows,
    ...(more > 0
      ? [`  and ${more} more, from ${count(sizes[0]!)} to ${count(sizes.at(-1)!)} training images each`]
      : []),
  ]
}

export async function runInspect(dir: string, settings: Values<typeof inspectTable>): Promise<number> {
  const { sheet, perClass, json, ...given } = settings
  const format = dir === 'builtin' ? 'generated images' : formats[await detectFormat(dir)]
  if (sheet !== null) await prepareOutput(sheet, pngFile)
  const interrupt = onInterrupt(() => {})
  const progress = makeProgress('looking at images', json)
  try {
    const data: Splits = await openNamedData({ ...given, data: dir }, json)
    const facts = await inspect(data, {
      signal: interrupt.signal,
      onProgress: (done, total) => progress.show(done / total),
    })
    progress.close()
    if (sheet !== null) {
      await writeOutput(sheet, pngFile, await contactSheet(data.train, { perClass }))
    }
    process.stdout.write(
      json
        ? `${JSON.stringify({ format, ...facts, sheet })}\n`
        : `${[...lines(facts, format), ...(sheet === null ? [] : [`contact sheet in ${sheet}`])].join('\n')}\n`,
    )
    return Exit.done
  } catch (error) {
    progress.close()
    if (!interrupt.signal.aborted && !(error instanceof DeepZeroError && error.code === 'ERR_ABORTED'))
      throw error
    process.stderr.write('deepzero: stopped\n')
    return Exit.interrupted
  } finally {
    interrupt.release()
  }
}
