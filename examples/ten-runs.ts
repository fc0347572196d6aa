/**
 * Ten short runs of one network, and a report that compares them: five sparsities, each shared out over the layers
 * evenly and by the magnitude of the initial weights.
 *
 *     node --import tsx examples/ten-runs.ts [--short] [FOLDER]
 *
 * The folder, runs/ten-runs unless given, gets a run directory for each and comparison.html. About ten minutes on two
 * cores; `--short` takes two runs of one step each. A project of its own imports from 'deepzero-native'.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtin, prune, resnet8, train, writeReport } from '../lib/index.ts'

const args = process.argv.slice(2)
const short = args.includes('--short')
const given = args.find((arg) => !arg.startsWith('--'))
const folder = given ?? (short ? mkdtempSync(join(tmpdir(), 'deepzero-runs-')) : 'runs/ten-runs')

const sizes = short ? { train: 10, test: 10 } : { train: 1280, test: 500 }
const data = builtin(sizes)
const network = resnet8({ classes: data.classes.length, seed: 1 })
/** For the report: where it finds the test images again. */
const record = {
  network: network.spec.name,
  data: 'builtin',
  trainImages: sizes.train,
  testImages: sizes.test,
}

const runs: string[] = []
for (const sparsity of short ? [0.99] : [0.9, 0.95, 0.97, 0.98, 0.99]) {
  for (const method of ['uniform', 'magnitude'] as const) {
    const { ratios } = await prune(network, null, { method, sparsity })
    const run = join(folder, `${method}-${Math.round(100 * sparsity)}`)
    const options = {
      epochs: short ? 1 : 4,
      batchSize: short ? 10 : 32,
      lr: 0.2,
      augment: false,
      ratios,
      run,
      record,
    }
    for await (const event of train(network, data, options)) {
      if (event.type === 'end')
        console.log(`${run}: test accuracy ${(100 * event.testAccuracy).toFixed(1)} %`)
    }
    runs.push(run)
  }
}

const { bytes } = await writeReport(runs, { out: join(folder, 'comparison.html') })
console.log(`${join(folder, 'comparison.html')}: ${runs.length} runs, ${Math.ceil(bytes / 1024)} KiB`)
