import { HeadObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import type { LongCredentials } from './iam/identities.ts';

/** Delivers an event of a new object. */
type Deliver = (event: object) => Promise<void>;

interface Store {
  readonly bucket: string;
  readonly credentials: LongCredentials;
}

/** What the bucket tells EventBridge of new objects, as far as a rule asks for it. */
export class Drops {
  readonly #patterns: readonly { readonly prefix: string; readonly pattern: RegExp }[];
  #open: { readonly store: Store; readonly client: S3Client; readonly deliver: Deliver } | undefined;

  /** @param wildcards what the keys are like, with `*` for anything */
  constructor(wildcards: readonly string[]) {
    this.#patterns = wildcards.map((wildcard) => {
      const parts = wildcard.split('*');
      const escaped = parts.map((part) => part.replaceAll(/[^\w/]/g, '\\$&'));
      return { prefix: parts[0], pattern: new RegExp(`^${escaped.join('.*')}$`, 's') };
    });
  }

  /** From here on events are delivered. */
  open(store: Store, deliver: Deliver): void {
    const client = new S3Client({ credentials: store.credentials, forcePathStyle: true });
    this.#open = { store, client, deliver };
  }

  tell(key: string): void {
    if (this.#isWanted(key)) void this.#tell(key).catch(() => {});
  }

  async tellOfAll(): Promise<void> {
    if (!this.#open) return;
    const { store, client } = this.#open;
    for (const prefix of new Set(this.#patterns.map(({ prefix }) => prefix))) {
      const pages = paginateListObjectsV2({ client }, { Bucket: store.bucket, Prefix: prefix });
      for await (const { Contents = [] } of pages) {
        for (const { Key = '' } of Contents) if (this.#isWanted(Key)) await this.#tell(Key);
      }
    }
  }

  #isWanted(key: string): boolean {
    return this.#patterns.some(({ pattern }) => pattern.test(key));
  }

  async #tell(key: string): Promise<void> {
    if (!this.#open) return;
    const { store, client, deliver } = this.#open;
    const found = await client.send(new HeadObjectCommand({ Bucket: store.bucket, Key: key }));
    const { ETag = '', LastModified, ContentLength = 0 } = found;
    const sequencer = (LastModified?.getTime() ?? 0).toString(16).toUpperCase();
    await deliver({
      ...{ source: 'aws.s3', 'detail-type': 'Object Created' },
      detail: { bucket: { name: store.bucket }, object: { key, size: ContentLength, etag: ETag, sequencer } },
    });
  }
}
