/**
 * A folder with the binary version of CIFAR-10 (`cifar-records.ts`): `data_batch_1.bin` … `data_batch_5.bin` (those that
 * exist are read, in order), `test_batch.bin` and `batches.meta.txt`.
 */
import { join } from 'node:path'
import { requireString } from '../check.ts'
import { CIFAR_SHAPE, type RecordLayout, readClassNames, readRecords } from './cifar-records.ts'
import type { LabelledImages, Splits } from './dataset.ts'
import { namesInFolder, refuseMissing } from './folder.ts'

const LAYOUT: RecordLayout = { format: 'CIFAR-10', labelBytes: 1, labelByte: 0, classes: 10 }
const TRAIN_FILES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)

/** Of CIFAR-10's training images, pixel values scaled to [0, 1]. */
const MEAN = [0.4914, 0.4822, 0.4465] as const
const STD = [0.2471, 0.2435, 0.2616] as const

const WANTED =
  'expected a folder with the CIFAR-10 binary version: data_batch_1.bin (to _5), test_batch.bin and batches.meta.txt'

/**
 * Reads CIFAR-10 from a folder. Throws ERR_DATA: missing folder or files, a size that is no whole number of records,
 * a label above 9, other than ten class names.
 */
export async function cifar10(dir: string): Promise<Splits<LabelledImages>> {
  requireString('data folder', dir)
  const present = await namesInFolder(dir, WANTED)
  const trainFiles = TRAIN_FILES.filter((name) => present.has(name))
  const missing = ['test_batch.bin', 'batches.meta.txt'].filter((name) => !present.has(name))
  if (trainFiles.length === 0) missing.unshift('data_batch_1.bin')
  refuseMissing(dir, missing, WANTED)
  const classes = await readClassNames(join(dir, 'batches.meta.txt'), LAYOUT.classes)
  const make = async (split: string, names: readonly string[]): Promise<LabelledImages> => ({
    name: `cifar10 ${split}`,
    ...(await readRecords(
      names.map((name) => join(dir, name)),
      LAYOUT,
    )),
    shape: CIFAR_SHAPE,
    classes,
    mean: MEAN,
    std: STD,
  })
  const train = await make('train', trainFiles)
  const test = await make('test', ['test_batch.bin'])
  return { name: 'cifar10', train, test, classes, shape: CIFAR_SHAPE }
}
