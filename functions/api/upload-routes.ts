import { decodeText } from '../../models/files/read-text.ts';
import { type ApiUpload, type UploadPurpose, uploadPurposes } from '../contracts/api/uploads.ts';
import type { Caller } from '../contracts/caller.ts';
import { ApiError } from '../contracts/problem.ts';
import {
  createUpload,
  getUpload,
  isReceived,
  readUpload,
  type UploadForm,
  type UploadRecord,
} from '../shared/uploads.ts';
import type { HandlerOf } from './http.ts';
import { secondsOf } from './openai-form.ts';

export const createdUpload: HandlerOf<'createUpload'> = async ({ caller, body }) => {
  refuseForeignPurpose(caller, body.purpose);
  const { purpose, bytes, filename } = body;
  const { record, form } = await createUpload(caller.tenant, {
    ...{ purpose, bytes },
    ...(filename === undefined ? {} : { filename }),
  });
  const headers = { location: `/v1/uploads/${record.id}` };
  return { status: 201, headers, body: resourceOf(record, { isThere: false, form }) };
};

export const gotUpload: HandlerOf<'getUpload'> = async ({ caller, params: { id } }) => {
  const record = await getUpload(caller.tenant, id);
  if (!record) throw new ApiError('not_found', `there is no upload ${id}`, { param: 'id' });
  return { status: 200, body: resourceOf(record, { isThere: await isReceived(caller.tenant, record) }) };
};

/**
 * An upload that another request names, whose file is there.
 *
 * @throws ApiError naming the field `upload`
 */
export async function receivedUpload(tenant: string, id: string, purpose: UploadPurpose): Promise<UploadRecord> {
  const refuse = (line: string) => new ApiError('invalid_request', `upload: ${line}`, { param: 'upload' });
  const record = await getUpload(tenant, id);
  if (!record) throw refuse(`there is no ${id}`);
  if (record.purpose !== purpose) throw refuse(`${id} is for the purpose ${record.purpose}, not ${purpose}`);
  if (!(await isReceived(tenant, record))) throw refuse(`the file of ${id} has not come`);
  return record;
}

/** @throws ApiError naming the field `upload`, when it is no text */
export async function uploadedText(tenant: string, record: UploadRecord): Promise<string> {
  const bytes = await readUpload(tenant, record);
  try {
    return decodeText(bytes, record.id);
  } catch (cause) {
    throw new ApiError('invalid_request', `upload: ${(cause as Error).message}`, { param: 'upload', cause });
  }
}

function refuseForeignPurpose({ scopes }: Caller, purpose: UploadPurpose): void {
  const { scope } = uploadPurposes[purpose];
  if (!scopes.includes(scope)) throw new ApiError('insufficient_scope', `the key is not for ${scope}`);
}

function resourceOf(
  { id, purpose, bytes, filename, createdAt, expires }: UploadRecord,
  { isThere, form = null }: { readonly isThere: boolean; readonly form?: UploadForm | null },
): ApiUpload {
  return {
    ...{ id, object: 'upload', purpose, bytes, filename: filename ?? null },
    status: isThere ? 'received' : 'pending',
    ...{ created: secondsOf(createdAt), expires },
    form: form && { ...form, fields: { ...form.fields } },
  };
}
