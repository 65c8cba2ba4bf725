import * as z from 'zod';
import type { PostedForm } from '../s3/form.ts';
import type { Identities, Principal } from './identities.ts';
import { isEqual, Refused, readDate, sign } from './signature.ts';

const condition = z.union([
  z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
  z.tuple([z.literal('content-length-range'), z.coerce.number(), z.coerce.number()]),
  z.record(z.string(), z.string()),
]);
const policySchema = z.object({ expiration: z.iso.datetime(), conditions: z.array(condition) });
type Policy = z.output<typeof policySchema>;

/** S3 takes no more of a form. */
const largestPost = 5 * 2 ** 30;

/** Fields that no condition need cover. */
const free = ['x-amz-signature', 'file', 'policy', 'awsaccesskeyid'];

/** What a form that is posted to a bucket may do. */
export interface PostGrant {
  /** Who signed its policy. */
  readonly principal: Principal;
  /** That the object gets. */
  readonly key: string;
  /** Of the file, in bytes. */
  readonly least: number;
  readonly most: number;
}

/**
 * Checks a form that is posted to a bucket as S3 does, but for its file: the signature of its policy, the policy's expiry,
 * and that every field is as the policy says.
 *
 * @throws Refused
 */
export function checkPostPolicy(
  identities: Identities,
  { bucket, fields, filename }: { readonly bucket: string } & Pick<PostedForm, 'fields' | 'filename'>,
  now = Date.now(),
): PostGrant {
  const encoded = fields.get('policy');
  if (encoded === undefined) throw new Refused('AccessDenied', 'the form has no policy');
  const [accessKeyId, ...scope] = (fields.get('x-amz-credential') ?? '').split('/');
  const { secret, principal } = identities.credentials(accessKeyId, fields.get('x-amz-security-token'));
  readDate(fields.get('x-amz-date') ?? '');
  if (scope[2] !== 's3' || !isEqual(sign(secret, scope.join('/'), encoded), fields.get('x-amz-signature') ?? '')) {
    throw new Refused('SignatureDoesNotMatch', "the signature is not that of the form's policy");
  }
  const policy = readPolicy(encoded);
  if (Date.parse(policy.expiration) <= now) throw new Refused('AccessDenied', 'Invalid according to Policy: expired.');
  const key = (fields.get('key') ?? '').replaceAll(/\$\{filename\}/g, () => filename);
  const values = new Map([...fields, ['key', key], ['bucket', bucket]]);
  for (const one of policy.conditions) checkCondition(one, values);
  const covered = new Set(policy.conditions.flatMap(namesIn));
  for (const name of fields.keys()) {
    if (!free.includes(name) && !name.startsWith('x-ignore-') && !covered.has(name)) {
      throw new Refused('AccessDenied', `Invalid according to Policy: extra input field ${name}.`);
    }
  }
  const ranges = policy.conditions.filter((one) => Array.isArray(one) && one[0] === 'content-length-range');
  return {
    ...{ principal, key },
    least: Math.max(0, ...ranges.map((range) => Number((range as unknown[])[1]))),
    most: Math.min(largestPost, ...ranges.map((range) => Number((range as unknown[])[2]))),
  };
}

function readPolicy(encoded: string): Policy {
  try {
    return policySchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString()));
  } catch {
    throw new Refused('InvalidPolicyDocument', 'the policy is none', 400);
  }
}

function checkCondition(one: Policy['conditions'][number], values: ReadonlyMap<string, string>): void {
  if (!Array.isArray(one)) {
    for (const [name, value] of Object.entries(one)) check(name, values.get(name.toLowerCase()) === value);
  } else if (one[0] !== 'content-length-range') {
    const [operator, name, value] = one;
    const given = values.get(name.slice(1).toLowerCase()) ?? '';
    check(name, operator === 'eq' ? given === value : given.startsWith(value));
  }
}

function check(name: string, holds: boolean): void {
  if (!holds) throw new Refused('AccessDenied', `Invalid according to Policy: the condition on ${name} does not hold.`);
}

function namesIn(one: Policy['conditions'][number]): string[] {
  if (!Array.isArray(one)) return Object.keys(one).map((name) => name.toLowerCase());
  return one[0] === 'content-length-range' ? [] : [one[1].slice(1).toLowerCase()];
}
