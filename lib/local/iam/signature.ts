import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** A request as it came in. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Absent where it is compared with the digest that was signed as it comes. */
  readonly body?: Uint8Array;
}

/** An answer of AWS' that refuses a request. */
export class Refused extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 403) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** What a request says about its signature, in its headers or, when it was presigned, in its query. */
export interface Claim {
  readonly accessKeyId: string;
  readonly token: string | undefined;
  readonly signature: string;
  readonly signedHeaders: readonly string[];
  readonly scope: string;
  /** Compact ISO 8601, as AWS writes it. */
  readonly date: string;
  /** Of a presigned request. */
  readonly expiresSeconds: number | undefined;
}

const algorithm = 'AWS4-HMAC-SHA256';
/** Clocks may differ by as much. */
const skewMilliseconds = 900_000;
/** A presigned request lasts a week at most. */
const longestSeconds = 604_800;

/** @throws Refused */
export function readClaim({ url, headers }: Pick<SignedRequest, 'url' | 'headers'>): Claim {
  const query = new URL(url, 'http://host').searchParams;
  if (query.has('X-Amz-Signature')) {
    const expires = query.get('X-Amz-Expires') ?? '';
    const seconds = Number(expires);
    if (!/^\d+$/.test(expires) || seconds < 1 || seconds > longestSeconds) {
      throw new Refused('AuthorizationQueryParametersError', `X-Amz-Expires is ${expires}`, 400);
    }
    const claim = { date: query.get('X-Amz-Date') ?? '', token: query.get('X-Amz-Security-Token') ?? undefined };
    return {
      ...{ ...claim, ...credential(query.get('X-Amz-Credential') ?? '') },
      signature: query.get('X-Amz-Signature') ?? '',
      signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
      expiresSeconds: seconds,
    };
  }
  const authorization = String(headers.authorization ?? '');
  const parts = new Map(
    authorization
      .slice(algorithm.length)
      .split(',')
      .map((part) => part.trim().split('=', 2) as [string, string]),
  );
  if (!authorization.startsWith(`${algorithm} `)) throw new Refused('AccessDenied', 'the request is not signed');
  return {
    ...credential(parts.get('Credential') ?? ''),
    date: String(headers['x-amz-date'] ?? ''),
    token: headers['x-amz-security-token'] === undefined ? undefined : String(headers['x-amz-security-token']),
    signature: parts.get('Signature') ?? '',
    signedHeaders: (parts.get('SignedHeaders') ?? '').split(';'),
    expiresSeconds: undefined,
  };
}

function credential(text: string): { accessKeyId: string; scope: string } {
  const [accessKeyId, ...scope] = text.split('/');
  return { accessKeyId, scope: scope.join('/') };
}

/**
 * Checks that a request was signed with a secret, for a service, not too long ago, and that its body is what was signed.
 *
 * @throws Refused
 */
export function checkSignature(
  request: SignedRequest,
  claim: Claim,
  { secret, service, now = Date.now() }: { readonly secret: string; readonly service: string; readonly now?: number },
): void {
  const signedAt = readDate(claim.date);
  if (claim.expiresSeconds === undefined) {
    if (Math.abs(now - signedAt) > skewMilliseconds) {
      throw new Refused('RequestTimeTooSkewed', 'the clocks of client and server differ by more than 15 minutes');
    }
  } else if (now > signedAt + 1000 * claim.expiresSeconds || signedAt > now + skewMilliseconds) {
    throw new Refused('AccessDenied', 'Request has expired');
  }
  const [day, , scopeService] = claim.scope.split('/');
  if (!claim.date.startsWith(day) || scopeService !== service || !claim.signedHeaders.includes('host')) {
    throw new Refused(
      'SignatureDoesNotMatch',
      'the signature is for another day or service, or does not cover the host',
    );
  }
  const canonical = canonicalRequest(request, claim);
  const text = [algorithm, claim.date, claim.scope, sha256(canonical)].join('\n');
  if (!isEqual(sign(secret, claim.scope, text), claim.signature)) {
    throw new Refused('SignatureDoesNotMatch', 'the signature is not that of the request');
  }
  const stated = request.headers['x-amz-content-sha256'];
  if (typeof stated === 'string' && /^[0-9a-f]{64}$/.test(stated) && request.body && stated !== sha256(request.body)) {
    throw new Refused('XAmzContentSHA256Mismatch', 'the body is not that which was signed', 400);
  }
}

/** The signature of a text: a string to sign, or a policy document in base64. */
export function sign(secret: string, scope: string, text: string): string {
  return hmac(signingKey(secret, scope), text).toString('hex');
}

/** Each client signs all that it sends in a day with one key, which takes four times as long to make as to use. */
const signingKeys = new Map<string, KeyObject>();
const keptKeys = 1000;

function signingKey(secret: string, scope: string): KeyObject {
  const name = `${secret}/${scope}`;
  const known = signingKeys.get(name);
  if (known) return known;
  const made = createSecretKey(scope.split('/').reduce(hmac, Buffer.from(`AWS4${secret}`)));
  if (signingKeys.size >= keptKeys) signingKeys.delete(signingKeys.keys().next().value as string);
  signingKeys.set(name, made);
  return made;
}

export function isEqual(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Milliseconds since 1970. @throws Refused */
export function readDate(compact: string): number {
  const iso = compact.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = iso === compact ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(time)) throw new Refused('AccessDenied', 'the request has no X-Amz-Date');
  return time;
}

function canonicalRequest({ method, url, headers, body }: SignedRequest, claim: Claim): string {
  const [path, search = ''] = url.split('?');
  const pairs = search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=', 2).map((part) => encode(decodeURIComponent(part.replaceAll('+', ' ')))))
    .map(([name, value = '']) => `${name}=${value}`)
    .filter((pair) => !pair.startsWith('X-Amz-Signature='));
  const lines = claim.signedHeaders.map((name) => `${name}:${headerText(headers[name])}\n`);
  const stated = headers['x-amz-content-sha256'];
  const unsigned = claim.expiresSeconds === undefined ? sha256(body ?? '') : 'UNSIGNED-PAYLOAD';
  const payload = typeof stated === 'string' ? stated : unsigned;
  return [method, path, pairs.sort().join('&'), lines.join(''), claim.signedHeaders.join(';'), payload].join('\n');
}

function headerText(value: string | string[] | undefined): string {
  return String(value ?? '')
    .trim()
    .replaceAll(/\s+/g, ' ');
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer | KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
