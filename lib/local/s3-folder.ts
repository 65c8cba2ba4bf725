import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuildAppOptions } from 'fauxqs';

type Stores = NonNullable<BuildAppOptions['stores']>;

/** What fauxqs writes files by. */
interface FilePersistence {
  upsertObject(bucket: string, object: { readonly key: string }): void;
  loadS3(store: Stores['s3Store']): void;
}

/**
 * Stores of fauxqs whose objects are files in a folder. Written in place, a file would be half there when the process is
 * killed: so each is written beside, and moved to where it belongs.
 */
export async function persistentStores(folder: string): Promise<Stores> {
  // Its start function, which knows folders, listens on every interface; and the package exports nothing else.
  const part = (path: string) => import(new URL(path, import.meta.resolve('fauxqs')).href);
  const [{ FileS3Persistence }, { S3Store }, { SqsStore }, { SnsStore }] = await Promise.all([
    part('s3/fileS3Persistence.js'),
    part('s3/s3Store.js'),
    part('sqs/sqsStore.js'),
    part('sns/snsStore.js'),
  ]);
  const beside = join(folder, 'unfinished');
  rmSync(beside, { recursive: true, force: true });
  const files: FilePersistence = new FileS3Persistence(folder);
  const unfinished: FilePersistence = new FileS3Persistence(beside);
  const s3Store = new S3Store();
  files.loadS3(s3Store);
  files.upsertObject = (bucket, object) => {
    unfinished.upsertObject(bucket, object);
    // The data first: of an object without its description nothing is seen.
    const written = readdirSync(beside, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { parentPath, name } of written.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const from = join(parentPath, name);
      const to = join(folder, from.slice(beside.length));
      mkdirSync(dirname(to), { recursive: true });
      renameSync(from, to);
    }
    rmSync(join(beside, 'buckets'), { recursive: true });
  };
  s3Store.persistence = files;
  return { s3Store, sqsStore: new SqsStore(), snsStore: new SnsStore() };
}
