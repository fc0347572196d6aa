/**
 * For TypeDoc: what the option tables say about each option becomes the documentation of the types that are made from
 * them, and the tables themselves are shown by name, as their rows would repeat that.
 */
import { Comment, Converter, ReflectionKind } from 'typedoc'
import { pruningOptions } from '../lib/pruning/options.ts'
import { reportOptions } from '../lib/report/options.ts'
import { estimateOptions } from '../lib/training/gradient.ts'
import { trainingOptions } from '../lib/training/options.ts'

/** Types by the table that their properties come from. */
const tables = {
  TrainOptions: trainingOptions,
  TrainSettings: trainingOptions,
  EstimateOptions: estimateOptions,
  EstimateSettings: estimateOptions,
  PruneOptions: pruningOptions,
  PruningSettings: pruningOptions,
  ReportOptions: reportOptions,
  ReportSettings: reportOptions,
}

const sentence = ({ description, default: value }) =>
  `${description.replace(/\.?$/, '.')}${value === null ? '' : ` Default: \`${JSON.stringify(value)}\`.`}`

function describe(reflection, table) {
  reflection.traverse((child) => {
    if (Object.hasOwn(table, child.name) && !child.hasComment())
      child.comment = new Comment([{ kind: 'text', text: sentence(table[child.name]) }])
  })
}

/** What a type that is written out in place belongs to. */
const inlineOwners = [ReflectionKind.Property, ReflectionKind.TypeAlias, ReflectionKind.CallSignature]

export function load(app) {
  // Members of a type that is written out where it is used are described there as a whole.
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const inline = project
      .getReflectionsByKind(ReflectionKind.Property)
      .filter((property) => inlineOwners.includes(property.parent?.parent?.kind) && !property.hasComment())
    app.options.setValue('intentionallyNotDocumented', [
      ...new Set(inline.map((property) => property.getFriendlyFullName())),
    ])
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of project.children ?? []) {
      if (Object.hasOwn(tables, reflection.name)) describe(reflection, tables[reflection.name])
      // Objects that are constants: tables of options, defaults, presets and codes, each described as a whole.
      if (reflection.kind === ReflectionKind.Variable && reflection.type?.type === 'reflection')
        for (const child of [...(reflection.type.declaration.children ?? [])]) project.removeReflection(child)
    }
  })
}
