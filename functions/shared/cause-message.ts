/** What an execution's cause says: a function's failure arrives as JSON with the message inside. */
export function causeMessage(cause: string): string {
  try {
    return JSON.parse(cause).errorMessage ?? cause;
  } catch {
    return cause;
  }
}
