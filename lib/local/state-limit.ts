/** Step Functions' limit on every input, output and result of a state or an execution, in bytes of UTF-8. */
export const stateLimitBytes = 262_144;

/** @throws Error named States.DataLimitExceeded when the JSON is too long */
export function checkStateSize(what: string, json: string): void {
  // No character has more than three bytes to one of UTF-16's units.
  if (3 * json.length <= stateLimitBytes) return;
  const bytes = Buffer.byteLength(json);
  if (bytes <= stateLimitBytes) return;
  const message = `${what} has ${bytes} bytes, Step Functions lets ${stateLimitBytes} pass`;
  throw Object.assign(new Error(message), { name: 'States.DataLimitExceeded' });
}

const measured = new WeakSet<object>();

/** Says of a value that its size is known to be within the limit. */
export function markMeasured<T>(value: T): T {
  if (typeof value === 'object' && value !== null) measured.add(value);
  return value;
}

export function isMeasured(value: unknown): boolean {
  return typeof value === 'object' && value !== null && measured.has(value);
}
