/**
 * The normalisation that weights were trained with, in the metadata of their model file: key `normalisation`, JSON
 * `{"mean": [C], "std": [C]}` of pixel values scaled to [0, 1]. Evaluation uses it instead of the data set's own.
 */
import type { Dataset } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import { readSafetensors } from '../safetensors.ts'

type Normalisation = Pick<Dataset, 'mean' | 'std'>

export const normalisationMetadata = ({ mean, std }: Normalisation): Record<string, string> => ({
  normalisation: JSON.stringify({ mean: Array.from(mean), std: Array.from(std) }),
})

/** What a model file says, or null; throws ERR_MODEL when it is not for images of `channels` channels. */
export async function readNormalisation(path: string, channels: number): Promise<Normalisation | null> {
  const { metadata } = await readSafetensors(path)
  const text = metadata.normalisation
  if (text === undefined) return null
  const fits = (values: unknown, above: number): boolean =>
    Array.isArray(values) &&
    values.length === channels &&
    values.every((value) => Number.isFinite(value) && value > above)
  let value: Partial<Normalisation> | null = null
  try {
    value = JSON.parse(text)
  } catch {
    // Refused below.
  }
  if (value && fits(value.mean, Number.NEGATIVE_INFINITY) && fits(value.std, 0)) return value as Normalisation
  throw new DeepZeroError(
    'ERR_MODEL',
    `${path}: expected the metadata key normalisation with mean and std of ${channels} channels, received ${text}`,
  )
}
