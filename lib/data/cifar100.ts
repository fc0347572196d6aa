/**
 * A folder with the binary version of CIFAR-100 (`cifar-records.ts`): `train.bin`, `test.bin`, `fine_label_names.txt` and
 * `coarse_label_names.txt`. A record has two labels: the coarse one of 20, then the fine one of 100.
 */
import { join } from 'node:path'
import { checkOptions, requireString, rule } from '../check.ts'
import { CIFAR_SHAPE, type RecordLayout, readClassNames, readRecords } from './cifar-records.ts'
import type { LabelledImages, Splits } from './dataset.ts'
import { namesInFolder, refuseMissing } from './folder.ts'

/** Which of the two labels of CIFAR-100 is the class. */
export const labelKinds = ['fine', 'coarse'] as const
export type LabelKind = (typeof labelKinds)[number]

const layouts: Readonly<Record<LabelKind, RecordLayout>> = {
  coarse: { format: 'CIFAR-100', labelBytes: 2, labelByte: 0, classes: 20 },
  fine: { format: 'CIFAR-100', labelBytes: 2, labelByte: 1, classes: 100 },
}

/** Of CIFAR-100's training images, pixel values scaled to [0, 1]. */
const MEAN = [0.5071, 0.4865, 0.4409] as const
const STD = [0.2673, 0.2564, 0.2762] as const

const WANTED =
  'expected a folder with the CIFAR-100 binary version: train.bin, test.bin, fine_label_names.txt and coarse_label_names.txt'

export interface Cifar100Options {
  /** `fine`: 100 classes, `coarse`: 20; fine by default. */
  readonly labels?: LabelKind | undefined
}

/**
 * Reads CIFAR-100 from a folder. Throws ERR_DATA: missing folder or files, a size that is no whole number of records, a
 * label out of range, another number of class names.
 */
export async function cifar100(dir: string, options: Cifar100Options = {}): Promise<Splits<LabelledImages>> {
  requireString('data folder', dir)
  checkOptions(options, { labels: rule.oneOf(labelKinds) })
  const { labels = 'fine' } = options
  const layout = layouts[labels]
  const names = `${labels}_label_names.txt`
  const present = await namesInFolder(dir, WANTED)
  refuseMissing(
    dir,
    ['train.bin', 'test.bin', names].filter((name) => !present.has(name)),
    WANTED,
  )
  const classes = await readClassNames(join(dir, names), layout.classes)
  const make = async (split: string): Promise<LabelledImages> => ({
    name: `cifar100 ${split}`,
    ...(await readRecords([join(dir, `${split}.bin`)], layout)),
    shape: CIFAR_SHAPE,
    classes,
    mean: MEAN,
    std: STD,
  })
  return {
    name: labels === 'fine' ? 'cifar100' : 'cifar100 (coarse labels)',
    train: await make('train'),
    test: await make('test'),
    classes,
    shape: CIFAR_SHAPE,
  }
}
