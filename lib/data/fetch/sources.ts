/**
 * Data sets that can be downloaded: files, where their authors publish them and known mirrors, and the checksums that were
 * published with them. MD5 is what the authors and torchvision give; it tells a damaged download from a whole one.
 *
 * - CIFAR: checksums of the page https://www.cs.toronto.edu/~kriz/cifar.html.
 * - MNIST: the page http://yann.lecun.com/exdb/mnist/ has none; these are torchvision's (`torchvision/datasets/mnist.py`).
 * - Fashion-MNIST: checksums of https://github.com/zalandoresearch/fashion-mnist.
 */

export interface SourceFile {
  readonly name: string
  readonly md5: string
}

export interface Source {
  /** What it is, for people. */
  readonly title: string
  /** Addresses of the folder that holds the files; tried in this order. */
  readonly addresses: readonly string[]
  readonly files: readonly SourceFile[]
  /** For archives: which of their files are unpacked, by base name. */
  readonly unpacks?: readonly string[]
  /** Written as `classes.txt`, for formats that hold no names. */
  readonly classes?: readonly string[]
}

const idxFiles = (md5: readonly [string, string, string, string]): SourceFile[] =>
  ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((name, i) => ({
    name: `${name}-ubyte.gz`,
    md5: md5[i] as string,
  }))

export const sources = {
  cifar10: {
    title: 'CIFAR-10, binary version (170 MB to download)',
    addresses: ['https://www.cs.toronto.edu/~kriz/'],
    files: [{ name: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' }],
    unpacks: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin', 'batches.meta.txt'),
  },
  cifar100: {
    title: 'CIFAR-100, binary version (169 MB to download)',
    addresses: ['https://www.cs.toronto.edu/~kriz/'],
    files: [{ name: 'cifar-100-binary.tar.gz', md5: '03b5dce01913d631647c71ecec9e9cb8' }],
    unpacks: ['train.bin', 'test.bin', 'fine_label_names.txt', 'coarse_label_names.txt'],
  },
  mnist: {
    title: 'MNIST (12 MB to download)',
    addresses: ['http://yann.lecun.com/exdb/mnist/', 'https://ossci-datasets.s3.amazonaws.com/mnist/'],
    files: idxFiles([
      'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'd53e105ee54ea40749a09fcbcd1e9432',
      '9fb629c4189551a2d022fa330f9573f3',
      'ec29112dd5afa0611ce80d1b7f02629c',
    ]),
  },
  'fashion-mnist': {
    title: 'Fashion-MNIST (31 MB to download)',
    addresses: [
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    ],
    files: idxFiles([
      '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      '25c81989df183df01b3e8a0aad5dffbe',
      'bef4ecab320f06d8554ea6380940ec79',
      'bb300cfdad3c16e7a12a480ee83cd310',
    ]),
    classes: [
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ],
  },
} as const satisfies Readonly<Record<string, Source>>

export type SourceName = keyof typeof sources
export const sourceNames = Object.keys(sources) as SourceName[]
