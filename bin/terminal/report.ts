import { ZodError } from 'zod';
import { firstIssue } from '../../models/zod-issue.ts';
import { printable } from './printable.ts';

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
  const [line] = error instanceof ZodError ? [firstIssue(error, 'value')] : message.split('\n');
  const known = name === 'Error' || name.endsWith('Error') ? '' : `${name}: `;
  process.stderr.write(`slingshot: ${known}${printable(line)}\n`);
  process.exitCode = 1;
}
