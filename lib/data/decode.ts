/**
 * Decodes images through sharp (libvips), which is loaded at the first image: JPEG, PNG and WebP become planes of bytes,
 * [C, H, W]. Three channels are red, green and blue in sRGB, one is grey; an alpha channel is dropped, an orientation that a
 * camera noted is followed. Another size is reached by scaling the image to cover it and cutting off what is over on both
 * sides. The work is done by libuv's threads, off the event loop.
 */
import type { Sharp, SharpOptions } from 'sharp'
import { DeepZeroError } from '../errors.ts'
import type { Shape } from './dataset.ts'

type OpenImage = (path: string, options: SharpOptions) => Sharp

/** An image's file and how many bytes it has. */
export interface ImageFile {
  readonly path: string
  readonly size: number
}

/** Compressed formats hold at most so many pixels in a byte that more are a lie: refused before memory is taken. */
export const MOST_PIXELS_PER_BYTE = 4096

let loaded: Promise<OpenImage> | undefined

/** Throws ERR_DATA where sharp is not installed. */
async function loadSharp(): Promise<OpenImage> {
  loaded ??= import('sharp').then(
    ({ default: sharp }) => sharp as OpenImage,
    (error) => {
      loaded = undefined
      throw new DeepZeroError(
        'ERR_DATA',
        'image folders need the package sharp, which cannot be loaded here; install it with `npm install sharp` (it is left ' +
          `out by npm's --omit=optional): ${(error as Error).message.split('\n')[0]}`,
        { cause: error },
      )
    },
  )
  return loaded
}

async function openImage({ path, size }: ImageFile): Promise<Sharp> {
  const open = await loadSharp()
  if (size === 0) throw unreadable(path, 'it is empty')
  return open(path, { failOn: 'error', limitInputPixels: MOST_PIXELS_PER_BYTE * size })
}

const unreadable = (path: string, reason: string, cause?: unknown): DeepZeroError =>
  new DeepZeroError(
    'ERR_DATA',
    `${path}: cannot be decoded as an image: ${reason.replaceAll('\n', ' ').trim()}; replace or remove it`,
    { cause },
  )

/** Channels (1 for grey, else 3), height and width of an image. Throws ERR_DATA. */
export async function imageShape(file: ImageFile): Promise<Shape> {
  const image = await openImage(file)
  try {
    const { channels, autoOrient } = await image.metadata()
    return [channels < 3 ? 1 : 3, autoOrient.height, autoOrient.width]
  } catch (error) {
    throw unreadable(file.path, (error as Error).message, error)
  }
}

/**
 * Decodes an image to [C, H, W]. Without `resize` it must have that size. Throws ERR_DATA.
 * @param shape what is wanted: 1 or 3 channels, height, width
 */
export async function decodeImage(file: ImageFile, shape: Shape, resize: boolean): Promise<Uint8Array> {
  const { path } = file
  const [channels, height, width] = shape
  const image = (await openImage(file)).autoOrient()
  if (resize) image.resize(width, height, { fit: 'cover' })
  image.removeAlpha().toColourspace(channels === 1 ? 'b-w' : 'srgb')
  const { data, info } = await image
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((error) => {
      throw unreadable(path, (error as Error).message, error)
    })
  if (info.height !== height || info.width !== width)
    throw new DeepZeroError(
      'ERR_DATA',
      `${path}: expected an image of ${height}×${width} like the first one, received ${info.height}×${info.width}; ` +
        'choose a size that all are scaled to (--image-size, options.size)',
    )
  if (info.channels !== channels) throw unreadable(path, `it has ${info.channels} channels`)
  return planes(data, channels)
}

/** [H, W, C] → [C, H, W]. */
function planes(pixels: Uint8Array, channels: number): Uint8Array {
  const out = new Uint8Array(pixels.length)
  const plane = pixels.length / channels
  for (let c = 0, to = 0; c < channels; ++c)
    for (let from = c, i = 0; i < plane; ++i, from += channels) out[to++] = pixels[from] as number
  return out
}
