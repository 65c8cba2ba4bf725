/** An error of writing that names the file, which Node's own does only for opening. */
export function writeError(path: string, cause: unknown): Error {
  return new Error(`could not write ${path}: ${(cause as Error).message}`, { cause });
}
