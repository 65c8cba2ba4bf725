import type { z } from 'zod';

/** The first thing that is wrong with a value, as one line: where, and what. `whole` names the value itself. */
export function firstIssue({ issues: [issue] }: z.ZodError, whole: string): string {
  return `${issue.path.join('.') || whole}: ${issue.message}`;
}
