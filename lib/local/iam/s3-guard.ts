import type { PostedForm } from '../s3/form.ts';
import type { Identities } from './identities.ts';
import { checkPostPolicy, type PostGrant } from './post-policy.ts';
import { Refused, type SignedRequest } from './signature.ts';

/** A request to S3, with bucket and key as the store reads them. */
export interface BucketRequest extends SignedRequest {
  /** Empty where the request is about all buckets. */
  readonly bucket: string;
  /** Empty where it is about a bucket. */
  readonly key: string;
  readonly query: Readonly<Record<string, unknown>>;
}

/** An action, and what it is done to: a bucket, or objects of it by their keys. */
interface Asked {
  readonly action: string;
  readonly keys?: readonly string[];
  readonly prefix?: string;
}

/**
 * Lets a request to S3 pass only if its signature is right and IAM would allow it to whoever signed it. A presigned
 * request is held to its expiry, too.
 *
 * @throws Refused
 */
export function guardBucket(identities: Identities, request: BucketRequest): void {
  const { bucket, key } = request;
  refuseSteps(bucket, key);
  const principal = identities.authenticate(request, 's3');
  for (const { action, keys, prefix } of actionsOf(request)) {
    const resources = keys ? keys.map((key) => objectArn(bucket, key)) : [`arn:aws:s3:::${bucket}`];
    identities.authorise(principal, action, resources, prefix === undefined ? {} : { 's3:prefix': prefix });
  }
}

/**
 * The same for a form that is posted, which is held to its policy.
 *
 * @throws Refused
 */
export function guardForm(
  identities: Identities,
  form: { readonly bucket: string } & Pick<PostedForm, 'fields' | 'filename'>,
): PostGrant {
  const grant = checkPostPolicy(identities, form);
  refuseSteps(grant.key);
  identities.authorise(grant.principal, 's3:PutObject', [objectArn(form.bucket, grant.key)]);
  return grant;
}

/** S3 takes such keys; here they would be paths out of the store's folder. */
function refuseSteps(...paths: readonly string[]): void {
  if (paths.some((path) => path.split('/').some((part) => part === '.' || part === '..'))) {
    throw new Refused('InvalidURI', 'keys with the parts . or .. are not taken', 400);
  }
}

function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}

/** What a caller must be allowed; whatever is not known here, only the service's own credentials may do. */
function actionsOf({ method, bucket, key, query, headers }: BucketRequest): Asked[] {
  const unknown = [{ action: `s3:(${method})` }];
  if (bucket === '') return method === 'GET' ? [{ action: 's3:ListAllMyBuckets' }] : unknown;
  if (key === '') {
    if (method !== 'GET' || 'lifecycle' in query) return unknown;
    return [{ action: 's3:ListBucket', prefix: String(query.prefix ?? '') }];
  }
  const keys = [key];
  switch (method) {
    case 'GET':
    case 'HEAD':
      return [{ action: 's3:GetObject', keys }];
    case 'DELETE':
      return [{ action: 'uploadId' in query ? 's3:AbortMultipartUpload' : 's3:DeleteObject', keys }];
    case 'POST':
      return [{ action: 's3:PutObject', keys }];
    case 'PUT':
      if (Object.keys(headers).some((name) => /^x-amz-(copy|rename)-source/.test(name))) return unknown;
      return 'renameObject' in query ? unknown : [{ action: 's3:PutObject', keys }];
    default:
      return unknown;
  }
}
