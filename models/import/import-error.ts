/** A checkpoint that cannot be imported; the message names the file, what is wrong in it, and what to do. */
export class ImportError extends Error {
  override name = 'ImportError';
}
