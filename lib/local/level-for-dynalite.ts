import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AbstractKeyIterator, AbstractLevel, AbstractValueIterator } from 'abstract-level';

type Method = (this: AbstractLevel<unknown>, ...args: unknown[]) => Promise<unknown>;
type Methods = Record<string, Method>;

/** What is known of a database's files. */
interface Files {
  /** Settles when the last write has, and all before it. */
  last: Promise<unknown>;
  /** Whether a write may have left a part of itself at their end. */
  isTorn: boolean;
  /** Whether they are closed to be opened anew. */
  isReopening: boolean;
}

const filesOf = new WeakMap<AbstractLevel<unknown>, Files>();
const { open, close } = AbstractLevel.prototype as unknown as Methods;
/** What opening writes beside what the log has. */
const spareBytes = 65_536;

let isMended = false;

/**
 * Mends how dynalite and its database's files go together. Its queries end by an iterator's `return`, which there is none
 * of: each stayed open, and kept in memory what had been written until then. A file that cannot be written or read is an
 * error of DynamoDB's, where dynalite would end the process. And once a write has failed, as on a full disk, nothing is
 * written behind it: reading the log again after a restart, LevelDB passes over what follows a torn record.
 */
export function mendLevel(): void {
  if (isMended) return;
  isMended = true;
  for (const prototype of [AbstractKeyIterator.prototype, AbstractValueIterator.prototype]) {
    const { next } = prototype as unknown as { next: Method };
    Object.assign(prototype, {
      next: answering(next),
      return(this: typeof prototype) {
        return this.close();
      },
    });
  }
  const methods = AbstractLevel.prototype as unknown as Methods;
  methods.get = answering(methods.get);
  for (const name of ['put', 'del', 'batch']) methods[name] = answering(oneByOne(methods[name]));
}

/** Errors as dynalite answers them: what has no status it throws where nobody catches it. */
function answering(method: Method): Method {
  return async function (...args) {
    try {
      return await method.apply(this, args);
    } catch (thrown) {
      const error = thrown as Error;
      const body = { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message: error.message };
      throw Object.assign(error, { statusCode: 500, body });
    }
  };
}

/** A write that begins once those before it have ended, and only on files that are whole. */
function oneByOne(method: Method): Method {
  return function (...args) {
    // In memory there are none.
    if (!('location' in this)) return method.apply(this, args);
    const files = filesOf.get(this) ?? { last: Promise.resolve(), isTorn: false, isReopening: false };
    filesOf.set(this, files);
    const written = files.last.then(async () => {
      if (files.isTorn) await reopen(this, files, String(this.location));
      try {
        return await method.apply(this, args);
      } catch (error) {
        files.isTorn = (error as { code?: unknown }).code === 'LEVEL_IO_ERROR';
        throw error;
      }
    });
    files.last = written.catch(() => {});
    return written;
  };
}

/** Opening leaves a torn record out. Until there is room for it the files stay open for reading. @throws Error */
async function reopen(level: AbstractLevel<unknown>, files: Files, folder: string): Promise<void> {
  if (level.status !== 'open' && !files.isReopening) throw new Error('the database is closed');
  const place = join(folder, 'room');
  try {
    await writeFile(place, Buffer.alloc((await logBytes(folder)) + spareBytes));
  } finally {
    await rm(place, { force: true });
  }
  files.isReopening = true;
  await close.call(level);
  await open.call(level);
  files.isReopening = false;
  files.isTorn = false;
}

async function logBytes(folder: string): Promise<number> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
