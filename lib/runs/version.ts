/** The package's version, as package.json has it. */
import { packageFile } from '../package-file.ts'

/** Of this package, as its package.json has it. */
export const version: string = packageFile().version
