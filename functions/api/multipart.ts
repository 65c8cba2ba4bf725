import { ApiError } from '../contracts/problem.ts';

/** A file that a form brought. */
export interface SentFile {
  readonly filename: string;
  readonly bytes: Uint8Array;
  /** The form's other fields. */
  readonly fields: Readonly<Record<string, string>>;
}

/** A body of multipart/form-data, before it is taken apart. */
export interface MultipartBody {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** @throws ApiError for what is no form, or has no file, or two */
export async function sentFile({ contentType, bytes }: MultipartBody): Promise<SentFile> {
  const refuse = (line: string, cause?: unknown) =>
    new ApiError('invalid_request', `file: ${line}`, { param: 'file', ...(cause ? { cause } : {}) });
  let form: FormData;
  try {
    form = await new Response(Buffer.from(bytes), { headers: { 'content-type': contentType } }).formData();
  } catch (cause) {
    throw refuse('the body is no form of multipart/form-data', cause);
  }
  const files = [...form.entries()].filter((entry): entry is [string, File] => typeof entry[1] !== 'string');
  const [[name, file] = [undefined, undefined]] = files;
  if (!file || files.length > 1 || name !== 'file') throw refuse('the form must have one file, in its field `file`');
  const texts = [...form.entries()].filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    filename: file.name,
    bytes: new Uint8Array(await file.arrayBuffer()),
    fields: Object.fromEntries(texts),
  };
}
