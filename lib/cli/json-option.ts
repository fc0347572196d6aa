/** The option `--json` of commands that print one result. */
export const jsonOption = {
  type: 'boolean',
  default: false,
  decides: false,
  description: 'Print one JSON object',
} as const
