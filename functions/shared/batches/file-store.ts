import { type FileRecord, fileKey } from '../../contracts/batch/record.ts';
import { deleteObject } from '../object-store.ts';
import { TenantTable } from '../table/tenant-table.ts';

export async function putFileRecord(tenant: string, record: FileRecord): Promise<void> {
  await TenantTable.of(tenant).put(fileKey(record.id), record);
}

/** @returns undefined for one that is not the tenant's, never was, or has expired */
export function getFile(tenant: string, id: string): Promise<FileRecord | undefined> {
  return TenantTable.of(tenant).get<FileRecord>(fileKey(id));
}

/** A tenant's files, by their ids. */
export async function listFiles(
  tenant: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<FileRecord[]> {
  const items = await TenantTable.of(tenant).query<FileRecord>({
    ...{ prefix: fileKey(''), limit },
    ...(after === undefined ? {} : { after: fileKey(after) }),
  });
  return items.map(({ sk, ...record }) => record);
}

/** @returns whether there was such a one */
export async function deleteFile(tenant: string, id: string): Promise<boolean> {
  const record = await getFile(tenant, id);
  if (!record) return false;
  await deleteObject(tenant, record.key);
  await TenantTable.of(tenant).delete(fileKey(id));
  return true;
}
