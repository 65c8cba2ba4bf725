import { printable } from './printable.ts';

/** Writes a line of results. Unlike console.log it hides no error from watchOutput. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Has results that could not be written end in a message and exit code 1, and the rest of the work go on: a full disk
 * or a reader that went away would go unnoticed, or end the process. What cannot be told to stderr is not told.
 */
export function watchOutput(): void {
  process.stderr.on('error', () => {});
  let told = false;
  process.stdout.on('error', ({ message }) => {
    process.exitCode = 1;
    if (!told) process.stderr.write(`slingshot: could not write the output: ${printable(message)}\n`);
    told = true;
  });
}
