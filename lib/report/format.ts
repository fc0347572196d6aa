/** Numbers as people read them, on the terminal and in reports. */

export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`

/** 1234567 → "1,234,567". */
export const count = (n: number): string => n.toLocaleString('en-US')

/** 95 → "1 m 35 s". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  const m = Math.floor(s / 60)
  return m < 60 ? `${m} m ${s % 60} s` : `${Math.floor(m / 60)} h ${m % 60} m`
}

/** Four digits that count: 0.01234, 12.34, 1.2e-7. */
export function significant(value: number, digits = 4): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 1e7) return String(Number(value.toPrecision(digits)))
  return value
    .toExponential(digits - 1)
    .replace(/\.?0+e/, 'e')
    .replace('e+', 'e')
}

/** 12300 → "12.3k", for the labels of an axis. */
export function short(value: number): string {
  const size = Math.abs(value)
  const [unit, letter] =
    size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e4 ? [1e3, 'k'] : [1, '']
  return `${significant(value / unit, 3)}${letter}`
}

/** A dash for what is not known. */
export const orDash = (value: number, print: (value: number) => string): string =>
  Number.isFinite(value) ? print(value) : '–'

/** At most `length` characters, with an ellipsis where something is left out. */
export const clipped = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

/** Without control characters, which text from files may have and a terminal would follow. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd')
