/**
 * The images of a folder, by class: `SPLIT/CLASS/NAME.jpg` (also .jpeg, .png, .webp). Classes and names are sorted by their
 * code units, so that every machine has the same order; what ends otherwise is passed over.
 */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'

export interface ListedImage {
  readonly path: string
  readonly label: number
  /** Bytes of the file. */
  readonly size: number
  /** 16 bytes: of its path in the split, size and time of change. */
  readonly key: Uint8Array
}

export interface Listing {
  readonly classes: readonly string[]
  readonly images: readonly ListedImage[]
}

const IMAGE = /\.(jpe?g|png|webp)$/i
/** Files that are looked at together. */
const AT_ONCE = 64

/** Lists a split. Classes are those of `classes`, where given, and any other is refused. Throws ERR_DATA. */
export async function listImages(split: string, known?: readonly string[]): Promise<Listing> {
  const folders = await foldersIn(split)
  const classes = known ?? folders
  if (classes.length === 0)
    throw new DeepZeroError('ERR_DATA', `${split}: expected a folder for each class, found none`)
  const images: ListedImage[] = []
  for (const name of folders) {
    const label = classes.indexOf(name)
    if (label < 0)
      throw new DeepZeroError(
        'ERR_DATA',
        `${split}: expected the classes of the training split, found another one, '${name}'`,
      )
    const before = images.length
    for (const image of await imagesOf(split, name, label)) images.push(image)
    if (images.length === before && known === undefined)
      throw new DeepZeroError(
        'ERR_DATA',
        `${join(split, name)}: expected images (.jpg, .png, .webp), found none`,
      )
  }
  if (images.length === 0) throw new DeepZeroError('ERR_DATA', `${split}: expected images, found none`)
  return { classes, images }
}

async function imagesOf(split: string, name: string, label: number): Promise<ListedImage[]> {
  const folder = join(split, name)
  const names = (await entries(folder)).filter((file) => IMAGE.test(file)).sort()
  const images: ListedImage[] = []
  for (let first = 0; first < names.length; first += AT_ONCE) {
    const part = names.slice(first, first + AT_ONCE).map(async (file): Promise<ListedImage | null> => {
      const path = join(folder, file)
      const found = await stat(path, { bigint: true }).catch((error) => {
        throw fileError(path, 'read', error, 'ERR_DATA')
      })
      const text = `${name}/${file}\0${found.size}\0${found.mtimeNs}`
      const key = createHash('sha256').update(text).digest().subarray(0, 16)
      return found.isFile() ? { path, label, size: Number(found.size), key } : null
    })
    for (const image of await Promise.all(part)) if (image !== null) images.push(image)
  }
  return images
}

/** Names of the folders in a folder, also those that are links; hidden ones are left out. */
async function foldersIn(folder: string): Promise<string[]> {
  const names = (await entries(folder)).filter((name) => !name.startsWith('.')).sort()
  const folders: string[] = []
  for (const name of names) {
    const found = await stat(join(folder, name)).catch(() => null)
    if (found?.isDirectory()) folders.push(name)
  }
  return folders
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw fileError(folder, 'read', error, 'ERR_DATA')
  }
}

/** For messages: `animals train`. */
export const splitName = (dir: string, split: string): string => `${basename(dir)} ${split}`
