import { withClockSet } from '../clock-skew.ts';
import { StoreRejected, StoreUnavailable } from '../errors.ts';

/** Answers of DynamoDB and STS that another try may change, beside failures without an answer and those of 500 and up. */
const passing = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TransactionConflictException',
  'ItemCollectionSizeLimitExceededException',
  'ResourceInUseException',
]);

/** @throws StoreUnavailable, StoreRejected, each with the SDK's error as its cause */
export async function tableErrors<T>(key: string, act: () => Promise<T>): Promise<T> {
  try {
    return await withClockSet(act);
  } catch (cause) {
    if (cause instanceof StoreUnavailable || cause instanceof StoreRejected) throw cause;
    const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode;
    const line = `item ${key}: ${name}: ${message}`;
    if (status !== undefined && status < 500 && !passing.has(name)) throw new StoreRejected(line, { cause });
    throw new StoreUnavailable(line, { cause });
  }
}
