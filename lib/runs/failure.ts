/** A failed file operation as ERR_FILE with the path and a remedy; errors that are no system errors pass through. */
import { fileError } from '../files.ts'

export function asFileError(path: string, what: 'read' | 'written' | 'created', error: unknown): unknown {
  return typeof (error as NodeJS.ErrnoException)?.syscall === 'string' ? fileError(path, what, error) : error
}
