import { createHash } from 'node:crypto';

/** Of a SageMaker endpoint's name, and of an inference component's. */
const longest = 63;

/** The parts joined by hyphens; a name that would be too long ends in a digest of what is cut off. */
export function physicalName(...parts: readonly string[]): string {
  const name = parts.join('-');
  if (name.length <= longest) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, longest - digest.length - 1).replace(/-$/, '')}-${digest}`;
}
