import { Refused } from '../iam/signature.ts';

/** A form that is posted: its fields, and its file as it comes. */
export interface PostedForm {
  readonly fields: ReadonlyMap<string, string>;
  readonly filename: string;
  /** The last field; what follows it is passed over, as S3 does. */
  readonly file: AsyncIterable<Buffer>;
}

/** S3 takes as many bytes of fields. */
const mostFieldBytes = 20_480;
const malformed = (line: string) => new Refused('MalformedPOSTRequest', line, 400);

/** @throws Refused, also while the file is read */
export async function readForm(contentType: string, source: AsyncIterable<Uint8Array>): Promise<PostedForm> {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (!boundary) throw malformed('the body is no multipart/form-data');
  const limit = Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`);
  const parts = source[Symbol.asyncIterator]();
  // As if a line had ended before the first boundary.
  let rest = Buffer.from('\r\n');
  let read = 0;
  const more = async () => {
    const { done, value } = await parts.next();
    if (done) throw malformed('the form ends too early');
    rest = Buffer.concat([rest, value]);
    read += value.length;
  };
  /** Takes what comes before `mark`, and the mark. */
  const upTo = async (mark: Buffer | string): Promise<Buffer> => {
    let at = rest.indexOf(mark);
    while (at < 0) {
      if (rest.length > mostFieldBytes) throw malformed('the fields are too long');
      await more();
      at = rest.indexOf(mark);
    }
    const taken = rest.subarray(0, at);
    rest = rest.subarray(at + mark.length);
    return taken;
  };
  const fields = new Map<string, string>();
  await upTo(limit);
  for (;;) {
    while (rest.length < 2) await more();
    if (rest.subarray(0, 2).toString() === '--') throw new Refused('InvalidArgument', 'the form has no file', 400);
    const head = (await upTo('\r\n\r\n')).toString();
    const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(head)?.[1] ?? '';
    const name = /\bname="([^"]*)"/i.exec(disposition)?.[1]?.toLowerCase();
    if (name === undefined) throw malformed('a part of the form has no name');
    if (fields.has(name)) throw new Refused('InvalidArgument', `two fields ${name}`, 400);
    if (name === 'file') {
      const filename = /\bfilename="([^"]*)"/i.exec(disposition)?.[1] ?? '';
      return { fields, filename, file: fileOf() };
    }
    if (read - rest.length > mostFieldBytes) throw malformed('the fields are too long');
    fields.set(name, (await upTo(limit)).toString());
  }

  async function* fileOf(): AsyncGenerator<Buffer> {
    for (;;) {
      const at = rest.indexOf(limit);
      if (at >= 0) {
        yield rest.subarray(0, at);
        return;
      }
      // The limit may begin at the end of what is there.
      const sure = Math.max(0, rest.length - limit.length);
      if (sure > 0) yield rest.subarray(0, sure);
      rest = rest.subarray(sure);
      await more();
    }
  }
}
