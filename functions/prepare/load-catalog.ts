import { firstIssue } from '../../models/zod-issue.ts';
import { type Catalog, catalogSchema } from '../contracts/catalog.ts';
import { getObject, type ObjectPlace } from '../shared/object-store.ts';

/**
 * Reads who serves what.
 *
 * @throws StoreUnavailable, or Error when the object is no catalog
 */
export async function loadCatalog(place: ObjectPlace): Promise<Catalog> {
  const where = `catalog s3://${place.bucket}/${place.key}`;
  const text = Buffer.from(await getObject(null, place)).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const result = catalogSchema.safeParse(json);
  if (!result.success) throw new Error(`${where}: ${firstIssue(result.error, 'the object')}`);
  return result.data;
}
