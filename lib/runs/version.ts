/** The package's version, as package.json has it. */
import { packageFile } from '../package-file.ts'

export const version: string = packageFile().version
