import { createHash, randomBytes } from 'node:crypto';
import { Refused } from '../iam/signature.ts';
import { answerXml, readXml } from './bucket-requests.ts';
import type { Draft, ObjectFolder, ObjectHead, ObjectPlace } from './object-folder.ts';
import { headOf, keep, receive, type S3Request } from './object-requests.ts';

interface Upload {
  readonly at: ObjectPlace;
  readonly head: Omit<ObjectHead, 'etag'>;
  readonly parts: Map<number, Draft>;
}

/** Of all parts but the last. */
const leastPartBytes = 5 * 2 ** 20;

/** Objects that come in parts, which a process that ends forgets. */
export class MultipartUploads {
  readonly #uploads = new Map<string, Upload>();
  readonly #store: ObjectFolder;

  constructor(store: ObjectFolder) {
    this.#store = store;
  }

  async begin(asked: S3Request): Promise<void> {
    const UploadId = randomBytes(24).toString('base64url');
    this.#uploads.set(UploadId, { at: asked.at, head: headOf(asked.request.headers), parts: new Map() });
    answerXml(asked, 'InitiateMultipartUploadResult', { Bucket: asked.at.bucket, Key: asked.at.key, UploadId });
  }

  async part(asked: S3Request): Promise<void> {
    const { parts } = this.#find(asked);
    const number = Number(asked.query.get('partNumber'));
    if (!Number.isInteger(number) || number < 1 || number > 10_000) {
      throw new Refused('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', 400);
    }
    const draft = await receive(this.#store, asked.request);
    const before = parts.get(number);
    parts.set(number, draft);
    if (before) await this.#store.discard(before);
    asked.response.writeHead(200, { etag: `"${draft.md5.toString('hex')}"` }).end();
  }

  async complete(asked: S3Request): Promise<void> {
    const { at, head, parts } = this.#find(asked);
    const document = await readXml(asked.request);
    const named = [...document.matchAll(/<Part>([\s\S]*?)<\/Part>/g)].map(([, part]) => {
      const number = Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part)?.[1]);
      const etag = /<ETag>(?:&quot;|"|&#34;)?([0-9a-f]+)/.exec(part)?.[1];
      const draft = parts.get(number);
      if (!draft || draft.md5.toString('hex') !== etag) throw new Refused('InvalidPart', `part ${number}`, 400);
      return { number, draft };
    });
    if (named.length === 0) throw new Refused('MalformedXML', 'no part is named', 400);
    if (named.some(({ number }, index) => index > 0 && number <= named[index - 1].number)) {
      throw new Refused('InvalidPartOrder', 'the parts are not in ascending order', 400);
    }
    if (named.slice(0, -1).some(({ draft }) => draft.size < leastPartBytes)) {
      throw new Refused('EntityTooSmall', `a part before the last has less than ${leastPartBytes} bytes`, 400);
    }
    const drafts = named.map(({ draft }) => draft);
    const whole = await this.#store.joined(drafts);
    const digest = createHash('md5').update(Buffer.concat(drafts.map(({ md5 }) => md5)));
    const etag = `"${digest.digest('hex')}-${drafts.length}"`;
    const onlyNew = asked.request.headers['if-none-match'] === '*';
    await keep(asked, whole, at, { ...head, etag }, onlyNew);
    await this.#forget(asked);
    answerXml(asked, 'CompleteMultipartUploadResult', { Bucket: at.bucket, Key: at.key, ETag: etag });
  }

  async abort(asked: S3Request): Promise<void> {
    this.#find(asked);
    await this.#forget(asked);
    asked.response.writeHead(204).end();
  }

  /** @throws Refused for one that is none, or of another object */
  #find({ query, at }: S3Request): Upload {
    const upload = this.#uploads.get(query.get('uploadId') ?? '');
    if (upload?.at.bucket === at.bucket && upload.at.key === at.key) return upload;
    throw new Refused('NoSuchUpload', 'The specified multipart upload does not exist.', 404);
  }

  async #forget({ query }: S3Request): Promise<void> {
    const id = query.get('uploadId') ?? '';
    const parts = this.#uploads.get(id)?.parts ?? new Map<number, Draft>();
    this.#uploads.delete(id);
    for (const draft of parts.values()) await this.#store.discard(draft);
  }
}
