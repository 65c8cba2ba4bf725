import * as z from 'zod';
import type { Identities, Principal } from './identities.ts';
import { isEqual, Refused, readDate, type SignedRequest, sign } from './signature.ts';

const condition = z.union([
  z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
  z.tuple([z.literal('content-length-range'), z.coerce.number(), z.coerce.number()]),
  z.record(z.string(), z.string()),
]);
const policySchema = z.object({ expiration: z.iso.datetime(), conditions: z.array(condition) });
type Policy = z.output<typeof policySchema>;

/** Fields that no condition need cover. */
const free = ['x-amz-signature', 'file', 'policy', 'awsaccesskeyid'];

/**
 * Checks a form that is posted to a bucket as S3 does: the signature of its policy, the policy's expiry, and that
 * every field and the file's length are as the policy says.
 *
 * @returns who signed the policy, and the key that the object gets
 * @throws Refused
 */
export async function checkPostPolicy(
  identities: Identities,
  { headers, body, bucket }: SignedRequest & { readonly bucket: string },
  now = Date.now(),
): Promise<{ principal: Principal; key: string }> {
  const { fields, file } = await readForm(headers, body);
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
  const key = (fields.get('key') ?? '').replaceAll(/\$\{filename\}/g, () => file.name);
  const values = new Map([...fields, ['key', key], ['bucket', bucket]]);
  for (const one of policy.conditions) checkCondition(one, values, file.size);
  const covered = new Set(policy.conditions.flatMap(namesIn));
  for (const name of fields.keys()) {
    if (!free.includes(name) && !name.startsWith('x-ignore-') && !covered.has(name)) {
      throw new Refused('AccessDenied', `Invalid according to Policy: extra input field ${name}.`);
    }
  }
  return { principal, key };
}

async function readForm(headers: SignedRequest['headers'], body: Uint8Array) {
  const type = String(headers['content-type']);
  const form = await new Response(Buffer.from(body), { headers: { 'content-type': type } }).formData().catch(() => {
    throw new Refused('MalformedPOSTRequest', 'the body is no multipart/form-data', 400);
  });
  const fields = new Map<string, string>();
  let file: { name: string; size: number } | undefined;
  for (const [name, value] of form) {
    const lower = name.toLowerCase();
    // Of a name that is there twice, the store might take the other.
    if (fields.has(lower) || (file && lower === 'file'))
      throw new Refused('InvalidArgument', `two fields ${name}`, 400);
    if (typeof value === 'string') fields.set(lower, value);
    else if (lower === 'file') file = { name: value.name, size: value.size };
  }
  if (!file) throw new Refused('InvalidArgument', 'the form has no file', 400);
  return { fields, file };
}

function readPolicy(encoded: string): Policy {
  try {
    return policySchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString()));
  } catch {
    throw new Refused('InvalidPolicyDocument', 'the policy is none', 400);
  }
}

function checkCondition(one: Policy['conditions'][number], values: ReadonlyMap<string, string>, size: number): void {
  if (!Array.isArray(one)) {
    for (const [name, value] of Object.entries(one)) check(name, values.get(name.toLowerCase()) === value);
  } else if (one[0] === 'content-length-range') {
    if (size < one[1])
      throw new Refused('EntityTooSmall', `the file has ${size} bytes, at least ${one[1]} are due`, 400);
    if (size > one[2])
      throw new Refused('EntityTooLarge', `the file has ${size} bytes, at most ${one[2]} are taken`, 400);
  } else {
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
