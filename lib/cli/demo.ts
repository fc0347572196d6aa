/** `deepzero demo`: the preset `demo` from start to end, with a linear classifier on the same pixels to compare with. */
import { builtin } from '../data/builtin.ts'
import { presets } from '../presets.ts'
import { percent } from '../report/format.ts'
import { softmaxRegression } from '../training/linear.ts'
import { type OptionTable, trainingOptions, type Values } from '../training/options.ts'
import { callName, shellWord } from './call.ts'
import { runTrain } from './train.ts'

export const demoTable = {
  run: { ...trainingOptions.run, description: 'Run directory (default runs/demo-DATE-TIME)' },
  seed: trainingOptions.seed,
  threads: trainingOptions.threads,
  epochs: { ...trainingOptions.epochs, default: presets.demo!.options.epochs! },
} as const satisfies OptionTable

/** The mildest setting that overfits the pixels; the best of its epochs is shown. */
const linearSetting = { lr: 1e-3, weightDecay: 0, epochs: 5 }

/** 2026-11-23T15:04:05 → 20261123-150405. */
const stamp = (date: Date): string =>
  date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')

export async function runDemo(settings: Values<typeof demoTable>): Promise<number> {
  const { trainImages, testImages } = presets.demo!.options
  const data = builtin({ train: trainImages!, test: testImages! })
  const run = settings.run ?? `runs/demo-${stamp(new Date())}`
  process.stdout.write(
    'Ten classes of generated 32×32 images: shapes and textures of any colour, place and size, with noise.\n' +
      'No gradient is computed: each step perturbs one weight at a time and looks at the loss.\n',
  )
  const linear = Math.max(...softmaxRegression(data, linearSetting).test)
  process.stdout.write(
    `A linear classifier on the same pixels reaches ${percent(linear)} on the test images.\n`,
  )
  return runTrain({ ...settings, run, preset: 'demo' }, (end) =>
    [
      `${percent(end.testAccuracy)} with forward passes only; the linear classifier: ${percent(linear)}`,
      'try next:',
      `  ${callName()} eval --weights ${shellWord(`${end.checkpoint}/model.safetensors`)} --data builtin --test-images ${testImages}`,
      `  ${callName()} gradcheck --network resnet8`,
      `  ${callName()} train --network resnet20 --data DIR --sparsity 0.9 --run runs/resnet20   (CIFAR-10 in DIR)`,
    ].join('\n'),
  )
}
