import { ownerPrefix } from '../object-store.ts';

/** Where a batch's objects lie: what has a tenant's words under the tenant's prefix, what has none under nobody's. */
const digits = 6;
const numbered = (number: number) => String(number).padStart(digits, '0');

const batchFolder = (tenant: string, batch: string) => `${ownerPrefix(tenant)}/batches/${batch}`;

/** Where a tenant drops files of rows. */
export const dropFolder = (tenant: string) => `${ownerPrefix(tenant)}/batches/in`;

/** A tenant's file. */
export const filePath = (tenant: string, id: string) => `${ownerPrefix(tenant)}/files/${id}`;

export const segmentPath = (tenant: string, batch: string, segment: number) =>
  `${batchFolder(tenant, batch)}/rows/${numbered(segment)}.jsonl`;
export const refusedPath = (tenant: string, batch: string, segment: number) =>
  `${batchFolder(tenant, batch)}/refused/${numbered(segment)}.jsonl`;
/** How the rows of a chunk are put together. */
export const planPath = (tenant: string, batch: string, chunk: number) =>
  `${batchFolder(tenant, batch)}/plans/${numbered(chunk)}.json`;
/** What one group of a chunk gave. */
export const groupPath = (tenant: string, batch: string, chunk: number, group: number) =>
  `${batchFolder(tenant, batch)}/groups/${numbered(chunk)}-${numbered(group)}.json`;
/** What a chunk gave: that it is there says that the chunk is done. */
export const chunkPath = (tenant: string, batch: string, chunk: number) =>
  `${batchFolder(tenant, batch)}/chunks/${numbered(chunk)}.jsonl`;

const outFolder = (tenant: string, batch: string) => `${ownerPrefix(tenant)}/batches/out/${batch}`;
export const outputPath = (tenant: string, batch: string) => `${outFolder(tenant, batch)}/output.jsonl`;
export const errorsPath = (tenant: string, batch: string) => `${outFolder(tenant, batch)}/errors.jsonl`;
export const manifestPath = (tenant: string, batch: string) => `${outFolder(tenant, batch)}/manifest.json`;

/** One item a row, where each lies; and what the chunks may cost at most. */
export const indexPath = (batch: string) => `${ownerPrefix(null)}/batches/${batch}/index.jsonl`;
export const costsPath = (batch: string) => `${ownerPrefix(null)}/batches/${batch}/costs.json`;
/** Where the Map says what became of its children. */
export const mapPrefix = (batch: string) => `${ownerPrefix(null)}/batches/${batch}/map`;
