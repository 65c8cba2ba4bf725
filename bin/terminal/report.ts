/** Tells the user what went wrong in one line, without a stack trace, and sets the exit code. */
export function report(error: unknown): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const [line] = message.split('\n');
  const known = name === 'Error' || name.endsWith('Error') ? '' : `${name}: `;
  console.error(`slingshot: ${known}${line}`);
  process.exitCode = 1;
}
