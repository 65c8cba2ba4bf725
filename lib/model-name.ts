const longestName = 40;
const name = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/**
 * Refuses names that cannot become an endpoint's, or that an endpoint could not tell from another's.
 *
 * @throws Error
 */
export function checkName(text: string): void {
  if (name.test(text) && text.length <= longestName) return;
  const rule = `lower-case letters, digits and single hyphens between them, at most ${longestName}`;
  throw new Error(`${JSON.stringify(text)} cannot name an endpoint: a name has ${rule}`);
}
