const told = new WeakSet<Error>();

/**
 * Tells the user what went wrong in one line, without a stack trace, and sets the exit code. An error is told once, so
 * that it can be told before something is stopped that may take its time.
 */
export function report(error: unknown): void {
  if (error instanceof Error) {
    if (told.has(error)) return;
    told.add(error);
  }
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const [line] = message.split('\n');
  const known = name === 'Error' || name.endsWith('Error') ? '' : `${name}: `;
  console.error(`slingshot: ${known}${line}`);
  process.exitCode = 1;
}
