/**
 * HTML as values. The tag `html` puts text between markup and escapes it; only what another `html` made, or `trusted`,
 * goes in as it is. So nothing read from a file can become markup, whatever it holds.
 */

export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may stand in a `${}`: null, undefined and false leave nothing, an array its parts one after another. */
export type Part = Markup | string | number | null | undefined | false | readonly Part[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Control and other characters that no HTML may have, halves of characters, and marks that turn the direction of text. */
const UNWANTED = /(?![\t\n\r])[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\p{Bidi_Control}]/gu

/** Text as it may stand between tags and in quoted attributes. */
export const escaped = (text: string): string =>
  text.replace(UNWANTED, '\ufffd').replace(/[&<>"']/g, (character) => entities[character] as string)

function textOf(part: Part): string {
  if (part instanceof Markup) return part.text
  if (part === null || part === undefined || part === false) return ''
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return String(part)
  return part.map(textOf).join('')
}

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] as string
  parts.forEach((part, i) => {
    text += textOf(part) + strings[i + 1]
  })
  return new Markup(text)
}

/** Text of this package that is markup already: its style sheet and script. */
export const trusted = (text: string): Markup => new Markup(text)
