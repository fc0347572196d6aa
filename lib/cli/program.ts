/** The commands of `deepzero`, their flags and help. Parsing refuses unknown flags with the nearest one. */
import { Command, CommanderError, Help } from 'commander'
import { sourceNames } from '../data/fetch/sources.ts'
import { presets } from '../presets.ts'
import { watchOptions } from '../report/options.ts'
import { version } from '../runs/version.ts'
import { refuseUnread } from '../training/option-table.ts'
import { type OptionTable, resolveOptions, type Values } from '../training/options.ts'
import { fetchTable, runFetch } from './data-fetch.ts'
import { inspectTable, runInspect } from './data-inspect.ts'
import { demoTable, runDemo } from './demo.ts'
import { runDoctor } from './doctor.ts'
import { estimateTable, runEstimate } from './estimate.ts'
import { evaluateTable, runEvaluate } from './evaluate.ts'
import { Exit, exitCodeOf, explain } from './exit.ts'
import { exportTable, runExport } from './export.ts'
import { addFlags, flagOf, withFlag } from './flags.ts'
import { gradcheckTable, runGradcheck } from './gradcheck.ts'
import { reportTable, runReport } from './html-report.ts'
import { pruneTable, runPrune } from './prune.ts'
import { runTrain, type TrainFlags, trainTable } from './train.ts'
import { runWatch } from './watch.ts'

/** A command that failed by itself: it has said why. */
type Done = (code: number) => void

function settings<T extends OptionTable>(table: T, flags: object): Values<T> {
  const values = resolveOptions(table, flags as Record<string, unknown>, 'options', flagOf)
  refuseUnread(table, values, flagOf)
  return values
}

/** Wrapped as help wraps options where the width of the terminal is not known. */
const help = new Help()
const presetList = Object.entries(presets)
  .map(([name, { description }]) => help.formatItem(name, 17, description, help))
  .join('\n')

function build(done: Done): Command {
  const program = new Command('deepzero')
    .description('Trains neural networks with forward passes only (DeepZero, arXiv 2310.02025).')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      `
Examples:
  $ deepzero demo
  $ deepzero train --network resnet8 --data builtin --sparsity 0.9 --epochs 3 \\
      --run runs/first
  $ deepzero train --run runs/first --resume
  $ deepzero data fetch cifar10
  $ deepzero prune --network resnet20 --data DIR --sparsity 0.9 --out r.json
  $ deepzero eval --weights runs/first/checkpoints/120/model.safetensors \\
      --data builtin
  $ deepzero report runs/first

Exit codes: 0 done, 1 a check failed, 2 a user's mistake, 3 the machine's,
130 interrupted (a checkpoint is written), 129 the same by a closed terminal.`,
    )

  const command = (name: string, description: string, examples: string, parent = program): Command =>
    parent.command(name).description(description).addHelpText('after', examples).allowExcessArguments(false)

  addFlags(
    command(
      'train',
      'Train a network; events go to the terminal, everything else to the run directory.',
      `
Options come from the defaults, then a preset, then a configuration file, then
flags.

Presets:
${presetList}

Examples:
  $ deepzero train --preset paper-cnn-1 --data data/cifar10 --run runs/cnn-1
  $ deepzero train --preset paper-resnet20-90 --data data/cifar10 --dry-run
  $ deepzero train --network resnet20 --data data/cifar10 --sparsity 0.9 \\
      --warmup-epochs 3 --run runs/a
  $ deepzero train --run runs/a --resume
  $ deepzero train --config runs/a/config.json --seed 2 --run runs/b`,
    )
      .option('--preset <name>', 'Recipe, one of the list below')
      .option('--config <file>', 'JSON file with options, also the config.json of a run')
      .option('--dry-run', 'Print the configuration and what it would cost here, and train nothing')
      .option('--json', 'Print events as JSON lines'),
    trainTable,
  ).action(async (flags: TrainFlags) => done(await runTrain(flags)))

  addFlags(
    command(
      'prune',
      'How many weights each layer keeps at a sparsity, by ZO-GraSP or another score; before training.',
      `
Methods:
  zo-grasp-cge   |θ ⊙ Hg|, the Hessian-gradient product from two coordinate-wise
                 gradient estimates on few images
  zo-grasp       the same from estimates along random directions, as in the
                 paper: fewer queries, mostly noise
  snip           |θ ⊙ ĝ| from a coordinate-wise estimate
  snip-rge       the same along random directions
  magnitude      |θ|
  random         at random over all layers
  uniform        the same share of each layer, as deepzero train --sparsity

Examples:
  $ deepzero prune --network resnet20 --data data/cifar10 --sparsity 0.9 \\
      --out ratios.json
  $ deepzero prune --network resnet8 --method magnitude --sparsity 0.95 \\
      --mask-out mask.safetensors
  $ deepzero train --network resnet20 --data data/cifar10 --ratios ratios.json \\
      --run runs/a`,
    ),
    pruneTable,
  ).action(async (flags) => done(await runPrune(settings(pruneTable, flags))))

  addFlags(
    command(
      'eval',
      'Loss and accuracy of a weights file on the test split.',
      `
Examples:
  $ deepzero eval --weights runs/a/checkpoints/600/model.safetensors \\
      --data builtin
  $ deepzero eval --network resnet20 --weights torch.safetensors \\
      --data data/cifar10 --json`,
    ),
    evaluateTable,
  ).action(async (flags) => done(await runEvaluate(settings(evaluateTable, flags))))

  addFlags(
    command(
      'estimate',
      'Save the gradient estimate of one batch as safetensors.',
      `
The batch, its coordinates and directions are those of the first step of a
training without augmentation and with the same seed. Tensors have the names of
the parameters and are 0 where nothing was queried; the tensor coordinates holds
the flat indices that were, and the metadata says how.

Examples:
  $ deepzero estimate --network resnet20 --data data/cifar10 --batch-size 128 \\
      --sparsity 0.9 --out estimate.safetensors
  $ deepzero estimate --weights runs/a/checkpoints/600/model.safetensors \\
      --data builtin --estimator rge --queries 1000 --directions tensor \\
      --out rge.safetensors`,
    ),
    estimateTable,
  ).action(async (flags) => done(await runEstimate(settings(estimateTable, flags))))

  addFlags(
    command(
      'export',
      'Write the weights of a run or of a file as an ONNX model, or as safetensors for PyTorch.',
      `
Examples:
  $ deepzero export runs/a --onnx model.onnx --fold-batch-norm --normalise
  $ deepzero export runs/a --checkpoint best --safetensors weights.safetensors
  $ deepzero export torch.safetensors --network resnet20 --onnx model.onnx`,
    ).argument('<source>', 'Run directory, checkpoint folder or weights file'),
    exportTable,
  ).action(async (source, flags) => done(await runExport(source, settings(exportTable, flags))))

  addFlags(
    command(
      'gradcheck',
      'How exact logits, loss and estimates are: against a reference, or against two float64 passes on random data.',
      `
Exit code 1 when an error is beyond its tolerance or not a number; the
tolerances are printed.

Examples:
  $ deepzero gradcheck --network resnet20 --reference reference/resnet20-init \\
      --mu 1e-6
  $ deepzero gradcheck --network resnet20 --reference reference/resnet20-init \\
      --cosines
  $ deepzero gradcheck --network cnn-2x8
  $ deepzero gradcheck --network resnet8 --method two-pass`,
    ),
    gradcheckTable,
  ).action(async (flags) => done(await runGradcheck(settings(gradcheckTable, flags))))

  addFlags(
    command(
      'report',
      'Write one HTML file about a run, or about several with their curves overlaid.',
      `
What is damaged or missing in a run directory is left out, and listed with the
reason. The file needs no network.

Examples:
  $ deepzero report runs/first
  $ deepzero report runs/* --out comparison.html
  $ deepzero report runs/first --data data/cifar10`,
    ).argument('<run...>', 'Run directories'),
    reportTable,
  ).action(async (runs: string[], flags) => done(await runReport(runs, settings(reportTable, flags))))

  addFlags(
    command(
      'watch',
      'Serve the report of a run as a page that follows it, on this machine alone unless told otherwise.',
      `
Ctrl-C ends it; the run is only looked at.

Examples:
  $ deepzero watch runs/first
  $ deepzero watch runs/first --port 0`,
    ).argument('<run>', 'Run directory'),
    watchOptions,
  ).action(async (run: string, flags) => done(await runWatch(run, settings(watchOptions, flags))))

  addFlags(
    command(
      'demo',
      'Train a narrow ResNet on built-in images with sparse estimates, in about two minutes on two cores.',
      `
Example:
  $ deepzero demo --run runs/demo`,
    ),
    demoTable,
  ).action(async (flags) => done(await runDemo(settings(demoTable, flags))))

  const data = command('data', 'Download data sets, and look at what a data folder holds.', '')
  addFlags(
    command(
      'fetch',
      `Download a data set from where it is published: ${sourceNames.join(', ')}.`,
      `
Files are compared with the checksums published for them. A download that was
stopped goes on where it stopped; files put into the folder by other means are
checked and used.

Examples:
  $ deepzero data fetch cifar10
  $ deepzero data fetch fashion-mnist --out data/fashion
  $ deepzero data fetch mnist --from https://mirror.example/mnist/`,
      data,
    ).argument('<name>', sourceNames.join('|')),
    fetchTable,
  ).action(async (name: string, flags: object) => done(await runFetch(name, settings(fetchTable, flags))))
  addFlags(
    command(
      'inspect',
      'Counts, classes, mean and deviation per channel of a data folder, and a contact sheet.',
      `
Examples:
  $ deepzero data inspect data/cifar10
  $ deepzero data inspect data/animals --image-size 64 --sheet animals.png
  $ deepzero data inspect data/mnist --json`,
      data,
    ).argument('<dir>', 'the data folder, or builtin'),
    inspectTable,
  ).action(async (dir: string, flags: object) => done(await runInspect(dir, settings(inspectTable, flags))))

  command('doctor', 'What computes here, and why nothing better does.', '')
    .option('--json', 'Print one JSON object')
    .action(async (flags) => done(await runDoctor({ json: flags.json === true })))
  return program
}

/** One line of commander's message, with its suggestion. */
const tidy = (message: string): string =>
  message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.+?)\?\)/, '; did you mean $1?')
    .trim()

/** `deepzero`, and the command and the one below it that the words name. */
function commandPath(program: Command, words: readonly string[]): string[] {
  const path = [program.name()]
  let at: Command | undefined = program
  for (const word of words) {
    if (word.startsWith('-')) continue
    at = at.commands.find((command) => command.name() === word)
    if (at === undefined) break
    path.push(word)
  }
  return path
}

/** Parses and runs; resolves to the exit code. Never throws. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let code: number = Exit.done
  let options: string[] = []
  const program = build((value) => {
    code = value
  }).hook('preAction', (_, command) => {
    options = command.options.map((option) => option.attributeName())
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return Exit.done
      if (error.code === 'commander.help') return Exit.mistake
      process.stderr.write(
        `deepzero: ${tidy(error.message)}; see ${[...commandPath(program, args), '--help'].join(' ')}\n`,
      )
      return Exit.mistake
    }
    process.stderr.write(`${explain(withFlag(error, options))}\n`)
    return exitCodeOf(error)
  }
}
