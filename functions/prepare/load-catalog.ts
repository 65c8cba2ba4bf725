import { firstIssue } from '../../models/zod-issue.ts';
import { type Catalog, catalogSchema } from '../contracts/catalog.ts';
import { getDatedObject, type ObjectPlace } from '../shared/object-store.ts';

/**
 * Reads who serves what, and since when.
 *
 * @throws StoreUnavailable, or Error when the object is no catalog
 */
export async function loadCatalog(place: ObjectPlace): Promise<{ readonly catalog: Catalog; readonly since: number }> {
  const where = `catalog s3://${place.bucket}/${place.key}`;
  const { bytes, modified } = await getDatedObject(null, place);
  const text = Buffer.from(bytes).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const result = catalogSchema.safeParse(json);
  if (!result.success) throw new Error(`${where}: ${firstIssue(result.error, 'the object')}`);
  return { catalog: result.data, since: modified };
}
