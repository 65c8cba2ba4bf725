import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { withEnvironment } from '../../../../functions/shared/environment.ts';
import { tenantClients } from '../../../../functions/shared/tenant-clients.ts';
import { type TenantStore, tenantStore } from '../../../support/tenant-store.ts';

let store: TenantStore;
let client: S3Client;
beforeAll(async () => {
  store = await tenantStore();
  const { bucket } = withEnvironment(store.environment, () => tenantClients('acme'));
  const credentials = await withEnvironment(store.environment, () => bucket.config.credentials());
  client = new S3Client({ credentials, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
});
afterAll(() => store.stop());
afterEach(() => vi.useRealTimers());

const own = 'tenants/acme/uploads/file';
const code = async (response: Response) => /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1] ?? response.status;
/** Moves this process' clock, which is the store's, too. */
const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1000 * seconds });

describe('a presigned address', () => {
  const put = (Key = own) =>
    getSignedUrl(client, new PutObjectCommand({ Bucket: store.bucket, Key }), { expiresIn: 60 });
  const get = (Key = own) =>
    getSignedUrl(client, new GetObjectCommand({ Bucket: store.bucket, Key }), { expiresIn: 60 });

  it('opens what it was signed for, until it expires', async () => {
    expect((await fetch(await put(), { method: 'PUT', body: 'text' })).status).toBe(200);
    const url = await get();
    expect(await (await fetch(url)).text()).toBe('text');
    later(59);
    expect((await fetch(url)).status).toBe(200);
    later(2);
    expect(await code(await fetch(url))).toBe('AccessDenied');
  });

  it('does not open another object, do another thing, or last longer, by being changed', async () => {
    const url = await get();
    const changes: [string, string][] = [
      ['uploads/file', 'uploads/other'],
      ['X-Amz-Expires=60', 'X-Amz-Expires=600'],
      ['X-Amz-Date=2', 'X-Amz-Date=3'],
      [store.bucket, `${store.bucket}x`],
    ];
    for (const [from, to] of changes) {
      const changed = url.replace(from, to);
      expect(changed).not.toBe(url);
      expect([await code(await fetch(changed))], to).not.toEqual([200]);
    }
    expect(await code(await fetch(url, { method: 'PUT', body: 'x' }))).toBe('SignatureDoesNotMatch');
    expect(await code(await fetch(url, { method: 'DELETE' }))).toBe('SignatureDoesNotMatch');
    expect(await code(await fetch(url.split('?')[0]))).toBe('AccessDenied');
    expect(await code(await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=999999')))).toBe(
      'AuthorizationQueryParametersError',
    );
  });

  it("signed by a tenant for another's object opens nothing", async () => {
    expect(await code(await fetch(await get('tenants/globex/contexts/1')))).toBe('AccessDeniedException');
    expect(await code(await fetch(await put('tenants/globex/x'), { method: 'PUT', body: 'x' }))).toBe(
      'AccessDeniedException',
    );
  });
});

describe('a form that is posted', () => {
  const conditions: PresignedPostOptions['Conditions'] = [['content-length-range', 2, 10]];
  const policy = (Key = own, Conditions = conditions) =>
    createPresignedPost(client, {
      ...{ Bucket: store.bucket, Key, Expires: 60 },
      ...(Conditions ? { Conditions } : {}),
    });
  const post = async (
    { url, fields }: Awaited<ReturnType<typeof policy>>,
    text: string,
    changes: Record<string, string | undefined> = {},
  ) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, ...changes }))
      if (value !== undefined) form.set(name, value);
    form.set('file', new Blob([text]), 'name.txt');
    return code(await fetch(url, { method: 'POST', body: form }));
  };

  it('is taken with a file of a length within the policy, until it expires', async () => {
    const signed = await policy();
    expect(await post(signed, 'four')).toBe(204);
    expect(await post(signed, 'x')).toBe('EntityTooSmall');
    expect(await post(signed, 'x'.repeat(11))).toBe('EntityTooLarge');
    later(61);
    expect(await post(signed, 'four')).toBe('AccessDenied');
  });

  it('is refused when a field, the policy or its signature is another', async () => {
    const signed = await policy();
    const wider = Buffer.from(Buffer.from(signed.fields.Policy, 'base64').toString().replace('10]', '999]')).toString(
      'base64',
    );
    expect(await post(signed, 'x'.repeat(20), { Policy: wider })).toBe('SignatureDoesNotMatch');
    expect(await post(signed, 'four', { key: 'tenants/acme/other' })).toBe('AccessDenied');
    expect(await post(signed, 'four', { 'x-amz-meta-more': 'x' })).toBe('AccessDenied');
    expect(await post(signed, 'four', { 'X-Amz-Signature': '0'.repeat(64) })).toBe('SignatureDoesNotMatch');
    expect(await post(signed, 'four', { Policy: undefined })).toBe('AccessDenied');
    expect(await post(signed, 'four', { 'X-Amz-Credential': 'ASIA0/20261126/local/s3/aws4_request' })).toBe(
      'InvalidClientTokenId',
    );
  });

  it("signed by a tenant for another's prefix is refused", async () => {
    expect(await post(await policy('tenants/globex/x'), 'four')).toBe('AccessDeniedException');
    expect(await post(await policy('tenants/acme/../globex/x'), 'four')).toBe('InvalidURI');
  });
});

describe('a signed request', () => {
  it('is refused when the clocks differ by more than a quarter of an hour', async () => {
    const skewed = new S3Client({
      ...{ credentials: client.config.credentials, forcePathStyle: true, maxAttempts: 1 },
      systemClockOffset: 16 * 60_000,
    });
    await expect(skewed.send(new GetObjectCommand({ Bucket: store.bucket, Key: own }))).rejects.toThrow(
      expect.objectContaining({ name: 'RequestTimeTooSkewed' }),
    );
  });

  it('is refused with another body than was signed', async () => {
    const tampering = new S3Client({ credentials: client.config.credentials, forcePathStyle: true, maxAttempts: 1 });
    tampering.middlewareStack.add(
      (next) => (args) => {
        (args.request as { body: string }).body = 'evil';
        return next(args);
      },
      // After the signature.
      { step: 'finalizeRequest', priority: 'low' },
    );
    const command = new PutObjectCommand({ Bucket: store.bucket, Key: own, Body: 'good' });
    const failure = expect.objectContaining({ name: 'XAmzContentSHA256Mismatch' });
    await expect(tampering.send(command)).rejects.toThrow(failure);
  });
});
