/**
 * Colours of runs and of the heat map. The ten colours of runs keep a contrast of 3 : 1 to the page, light and dark
 * (WCAG 2.2, 1.4.11); they vary in lightness as in hue, and each has a marker of its own, so that colour is never the
 * only difference. The ramp is viridis (van der Walt and Smith), even for all common kinds of colour vision.
 */

/** [on the light page, on the dark page] */
export const runColours: readonly (readonly [light: string, dark: string])[] = [
  ['#1668b8', '#6cb2f5'],
  ['#c8500a', '#ff9a5c'],
  ['#0b8467', '#3ddbb0'],
  ['#a8489b', '#b860f8'],
  ['#665200', '#f2dc6b'],
  ['#45474f', '#e4e6ee'],
  ['#4a35c9', '#c4bcff'],
  ['#b3243e', '#ff8090'],
  ['#4d8f1c', '#a2d96a'],
  ['#0a5d70', '#8ae6f5'],
]

/** Marks for the points of runs, around (0, 0). */
export const markers: readonly string[] = [
  'M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0z',
  'M-3.1-3.1h6.2v6.2h-6.2z',
  'M0-4l3.8 6.6h-7.6z',
  'M0-4.4l4.4 4.4-4.4 4.4-4.4-4.4z',
  'M0 4l3.8-6.6h-7.6z',
  'M-1.4-4h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z',
  'M0-4.3l4.1 3-1.6 4.8h-5l-1.6-4.8z',
  'M-4.2-1.6h8.4v3.2h-8.4z',
  'M-1.6-4.2h3.2v8.4h-3.2z',
  'M-3.4-3.4l3.4 1.6 3.4-1.6-1.6 3.4 1.6 3.4-3.4-1.6-3.4 1.6 1.6-3.4z',
]

/** Class of a run's colour and number of its marker. */
export const colourOf = (run: number): number => run % runColours.length

const variables = (theme: 0 | 1): string => runColours.map((pair, i) => `--c${i}:${pair[theme]}`).join(';')

/** Rules for the style sheet: `.c0` … set `--c`. */
export const paletteStyle = (): string => {
  const dark = variables(1)
  return [
    `:root{${variables(0)}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${dark}}}`,
    `:root[data-theme=dark]{${dark}}`,
    ...runColours.map((_, i) => `.c${i}{--c:var(--c${i})}`),
  ].join('\n')
}

const viridis = [
  '#440154',
  '#482878',
  '#3e4989',
  '#31688e',
  '#26828e',
  '#1f9e89',
  '#35b779',
  '#6ece58',
  '#b5de2b',
  '#fde725',
]

/** The colour at a place of the ramp, from 0 to 1. */
export function rampColour(place: number): string {
  const at = Math.min(1, Math.max(0, place)) * (viridis.length - 1)
  const below = Math.min(viridis.length - 2, Math.floor(at))
  const channel = (hex: string, c: number): number => Number.parseInt(hex.slice(1 + 2 * c, 3 + 2 * c), 16)
  const mixed = [0, 1, 2].map((c) => {
    const from = channel(viridis[below]!, c)
    return Math.round(from + (at - below) * (channel(viridis[below + 1]!, c) - from))
  })
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}
