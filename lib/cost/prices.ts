import { join } from 'node:path';
import * as z from 'zod';
import { readTextSync } from '../../models/files/read-text.ts';
import { firstIssue } from '../../models/zod-issue.ts';

const priceSchema = z.strictObject({
  dollars: z.number().nonnegative(),
  per: z.string(),
  /** When it was looked up. */
  date: z.string().regex(/^\d{4}-\d\d(-\d\d)?$/, 'is no month or day, such as 2026-11'),
  /** Whose page says so: the vendor's, somebody else's, or nobody's that could be found. */
  read: z.enum(['vendor', 'elsewhere', 'nowhere']),
  /** The page, and of what date it is where that is known. */
  source: z.string().optional(),
});
const pricesSchema = z.strictObject({ region: z.string(), prices: z.record(z.string(), priceSchema) });
export type Prices = z.output<typeof pricesSchema>;

/** What the vendor asks for, from a file. @throws Error */
export function readPrices(path = join(import.meta.dirname, 'prices.json')): Prices {
  let json: unknown;
  try {
    json = JSON.parse(readTextSync(path));
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
  const result = pricesSchema.safeParse(json);
  if (!result.success) throw new Error(`${path}: ${firstIssue(result.error, 'the file')}`);
  return result.data;
}

/** @throws Error naming the price that is missing */
export function dollarsOf({ prices }: Prices, name: string): number {
  const found = prices[name];
  if (!found) throw new Error(`prices: there is none of ${name}; add it to the file that --prices names`);
  return found.dollars;
}
