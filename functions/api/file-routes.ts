import { randomBytes } from 'node:crypto';
import type { ApiFile } from '../contracts/api/batches.ts';
import type { FileRecord } from '../contracts/batch/record.ts';
import { ApiError } from '../contracts/problem.ts';
import { filePath } from '../shared/batches/batch-paths.ts';
import { deleteFile, getFile, listFiles, putFileRecord } from '../shared/batches/file-store.ts';
import { putObject } from '../shared/object-store.ts';
import { streamObject } from '../shared/object-stream.ts';
import type { HandlerOf } from './http.ts';
import { type MultipartBody, sentFile } from './multipart.ts';
import { secondsOf } from './openai-form.ts';
import { receivedUpload } from './upload-routes.ts';

/** The bucket forgets everything a day later. */
const fileSeconds = 13 * 86_400;
const longestName = 255;

export const createdFile: HandlerOf<'createFile'> = async ({ caller: { tenant }, body }) => {
  const record = 'upload' in body ? await ofUpload(tenant, body.upload) : await ofForm(tenant, body as MultipartBody);
  await putFileRecord(tenant, record);
  return { status: 200, headers: { location: `/v1/files/${record.id}` }, body: resourceOf(record) };
};

/** What was uploaded stays where it is. */
async function ofUpload(tenant: string, id: string): Promise<FileRecord> {
  const { key, bytes, filename, expires } = await receivedUpload(tenant, id, 'batch');
  return { ...newFile(filename ?? `${id}.jsonl`, bytes), id: `file-${id.slice('upl_'.length)}`, key, expires };
}

async function ofForm(tenant: string, body: MultipartBody): Promise<FileRecord> {
  const { filename, bytes, fields } = await sentFile(body);
  if (fields.purpose !== 'batch') throw new ApiError('invalid_request', 'purpose: must be batch', { param: 'purpose' });
  if (bytes.length === 0) throw new ApiError('invalid_request', 'file: is empty', { param: 'file' });
  const record = newFile(filename, bytes.length);
  const key = filePath(tenant, record.id);
  await putObject(tenant, key, bytes);
  return { ...record, key };
}

function newFile(filename: string, bytes: number): Omit<FileRecord, 'key'> {
  const now = Date.now();
  return {
    id: `file-${randomBytes(12).toString('hex')}`,
    // It is told back, and is no path.
    filename: filename.slice(0, longestName),
    ...{ purpose: 'batch', bytes, createdAt: new Date(now).toISOString() },
    expires: Math.floor(now / 1000) + fileSeconds,
  };
}

export const listedFiles: HandlerOf<'listFiles'> = async ({ caller: { tenant }, query: { limit, after } }) => {
  const records = await listFiles(tenant, { after, limit: limit + 1 });
  return { status: 200, body: pageOf(records.map(resourceOf), limit) };
};

export const gotFile: HandlerOf<'getFile'> = async ({ caller: { tenant }, params: { id } }) => ({
  status: 200,
  body: resourceOf(found(await getFile(tenant, id), id)),
});

export const gotFileContent: HandlerOf<'getFileContent'> = async ({ caller: { tenant }, params: { id } }) => {
  const { key } = found(await getFile(tenant, id), id);
  const headers = { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' };
  return { status: 200, headers, events: streamObject(tenant, key) };
};

export const deletedFile: HandlerOf<'deleteFile'> = async ({ caller: { tenant }, params: { id } }) => {
  if (!(await deleteFile(tenant, id))) throw noFile(id);
  return { status: 200, body: { id, object: 'file', deleted: true } };
};

/** Some of many, and whether there are more. */
export function pageOf<T extends { readonly id: string }>(records: readonly T[], limit: number) {
  const data = records.slice(0, limit);
  return {
    ...{ object: 'list', data, has_more: records.length > limit },
    ...{ first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null },
  };
}

function found(record: FileRecord | undefined, id: string): FileRecord {
  if (!record) throw noFile(id);
  return record;
}

function noFile(id: string): ApiError {
  return new ApiError('not_found', `there is no file ${JSON.stringify(id)}`, { param: 'id' });
}

function resourceOf({ id, bytes, createdAt, expires, filename, purpose }: FileRecord): ApiFile {
  return {
    ...{ id, object: 'file', bytes, created_at: secondsOf(createdAt), expires_at: expires, filename, purpose },
    status: 'processed',
  };
}
