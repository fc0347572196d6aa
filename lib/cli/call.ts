/** Lines that a person copies into a shell: how this program is called here, and words as the shell takes them. */

/** By the name that npm gives to what it runs: `npx`, or a script, of which these two are this repository's. */
const calls: Readonly<Record<string, string>> = {
  npx: 'npx deepzero',
  deepzero: 'npm run deepzero --',
  demo: 'npm run deepzero --',
}

/** How this program is called here. */
export function callName(lifecycle = process.env.npm_lifecycle_event ?? ''): string {
  return Object.hasOwn(calls, lifecycle) ? calls[lifecycle]! : 'deepzero'
}

/** A word in quotes where a shell would take it for something else. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
