/**
 * An Express execution ends after five minutes: from here on it returns at the next step's end, and its block goes on in
 * another. What is left is for the last step, with all its retries (test/lib/cloud/time-budget.test.ts).
 */
export const returnAfterMilliseconds = 100_000;

/** @param startedAt of the execution, ISO 8601 */
export function mustReturn(startedAt: string): boolean {
  return Date.now() - Date.parse(startedAt) > returnAfterMilliseconds;
}
