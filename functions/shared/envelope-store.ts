import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { decodeEnvelope, encodeEnvelope, envelopeSchema } from '../../models/serving/protocol.ts';
import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import type { BlockState } from '../../models/ssd2/step.ts';
import type { BlockStateMessage, EnvelopeMessage } from '../contracts/generation.ts';
import { setting } from './environment.ts';

/** A quarter of what Step Functions lets pass between two states: a message above it goes to the bucket. */
export const inlineLimitBytes = 262_144 / 4;

let client: S3Client | undefined;
/** Path-style addressing is what a bucket on loopback needs. */
const s3 = () => {
  client ??= new S3Client({
    forcePathStyle: process.env.AWS_ENDPOINT_URL_S3 !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return client;
};

/** The key is the content's digest: writing an envelope twice, after a retry, leaves one object. */
export async function storeEnvelope(envelope: LogitsEnvelope): Promise<EnvelopeMessage> {
  const inline = encodeEnvelope(envelope);
  const body = JSON.stringify(inline);
  if (body.length <= inlineLimitBytes) return { inline };
  const bucket = setting('SLINGSHOT_BUCKET');
  const key = `envelopes/${createHash('sha256').update(body).digest('hex')}.json`;
  await s3().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: 'application/json' }));
  return { bucket, key };
}

export async function loadEnvelope(message: EnvelopeMessage): Promise<LogitsEnvelope> {
  if ('inline' in message) return decodeEnvelope(message.inline);
  const { Body } = await s3().send(new GetObjectCommand({ Bucket: message.bucket, Key: message.key }));
  return decodeEnvelope(envelopeSchema.parse(JSON.parse((await Body?.transformToString()) ?? 'null')));
}

export async function storeState(state: BlockState): Promise<BlockStateMessage> {
  const { previous, tokens, argmax, ...rest } = state;
  return {
    ...rest,
    argmax: [...argmax],
    tokens: tokens?.map((ids) => [...ids]) ?? null,
    previous: previous && (await mapValues(previous, storeEnvelope)),
  };
}

export async function loadState({ previous, ...rest }: BlockStateMessage): Promise<BlockState> {
  return { ...rest, previous: previous && (await mapValues(previous, loadEnvelope)) };
}

async function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => Promise<To>) {
  const entries = Object.entries(record).map(async ([name, value]) => [name, await map(value)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
